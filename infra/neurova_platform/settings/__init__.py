"""Load the settings."""
