"""Check whether the platform can run."""
