"""The function's log, and the masking of secrets in all text."""
