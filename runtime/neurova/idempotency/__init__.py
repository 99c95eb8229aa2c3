"""Idempotency-Key: run once, then replay the stored reply."""
