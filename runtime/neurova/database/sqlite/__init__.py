"""A service's database in one SQLite file."""
