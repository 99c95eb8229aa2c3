"""The database of a service: the interface, and its backends SQLite and PostgreSQL."""
