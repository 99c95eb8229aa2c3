"""Rate limits in Redis, for any number of machines."""
