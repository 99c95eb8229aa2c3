"""A service's database on a PostgreSQL server."""
