"""The server of the Admin API, its operations, and a client for it."""
