"""Compose the platform from settings."""
