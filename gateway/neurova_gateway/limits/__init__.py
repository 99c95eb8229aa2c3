"""Rate limits: in any window of the stated length, never more than the limit."""
