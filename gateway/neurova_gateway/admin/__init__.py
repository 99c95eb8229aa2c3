"""The Admin API: operations for operators, over HTTP on a port of its own."""
