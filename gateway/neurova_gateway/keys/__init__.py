"""API keys: format, stores and issuing."""
