"""The Admin API: what operators see and change, over HTTP, on a port of its own."""
