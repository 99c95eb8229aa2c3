"""The Admin API: operations for operators, over HTTP on a separate port."""
