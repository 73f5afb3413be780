"""From what the API server says to what can be stored and compared. Pure: no I/O, nothing shared is changed."""
