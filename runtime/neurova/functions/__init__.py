"""Decorators and the descriptions that they attach to functions."""
