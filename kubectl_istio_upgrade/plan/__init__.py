"""Deciding what to do. Pure: two states in, a plan out; what cannot be decided from data is not decided here."""
