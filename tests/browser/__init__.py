"""A real browser for the pages that this product writes; `python -m tests.browser` provides one, or says what to do."""
