"""Decorators, the descriptions they attach, and the loader of function files."""
