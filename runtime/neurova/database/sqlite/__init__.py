"""The SQLite backend: one file per service."""
