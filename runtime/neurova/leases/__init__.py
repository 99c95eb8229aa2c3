"""Credentials that Vault leases, and that change while the process runs."""
