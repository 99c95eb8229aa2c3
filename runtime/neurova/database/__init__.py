"""Databases of services: the port, and its backends SQLite and PostgreSQL."""
