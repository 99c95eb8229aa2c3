"""A service's own database: the port, and SQLite behind it."""
