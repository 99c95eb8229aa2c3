"""Run Kong plugins in process, and implement the platform's own plugins."""
