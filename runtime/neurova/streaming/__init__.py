"""Replies that are sent piece by piece."""
