"""Load function files: import and bind them, and check their routes."""
