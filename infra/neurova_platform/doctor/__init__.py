"""Check what the platform needs, and explain a call."""
