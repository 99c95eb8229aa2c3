"""Migrations of a service's database."""
