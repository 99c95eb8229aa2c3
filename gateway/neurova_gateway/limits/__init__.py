"""Rate limits over sliding windows: no window ever exceeds its limit."""
