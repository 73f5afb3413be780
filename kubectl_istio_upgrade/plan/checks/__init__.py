"""The checks of an assessment, each a pure function from a case to what it finds."""
