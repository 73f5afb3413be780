"""The values that flow through the program. Frozen, typed, without behaviour that needs the outside world."""
