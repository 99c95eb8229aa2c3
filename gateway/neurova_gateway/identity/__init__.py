"""Signing keys for caller identities, shared by several machines."""
