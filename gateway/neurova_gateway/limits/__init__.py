"""Rate limits: at most the limit in any window of its length."""
