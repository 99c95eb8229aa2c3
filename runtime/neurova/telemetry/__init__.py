"""The log of functions, and the masking of secrets."""
