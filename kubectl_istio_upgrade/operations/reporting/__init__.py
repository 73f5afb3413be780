"""The upgrade log: finding an operation on record, and putting together what is known of it. Only reads."""
