"""Bind requests to function arguments and validate them."""
