"""Databases of services: the interface, and its backends SQLite and PostgreSQL."""
