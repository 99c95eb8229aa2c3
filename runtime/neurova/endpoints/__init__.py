"""Functions and mounted apps, bound to HTTP requests, for the gateway to call."""
