"""Responses that are sent piece by piece."""
