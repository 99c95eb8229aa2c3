"""Asynchronous calls, requested with `Prefer: respond-async` (RFC 7240)."""
