"""Idempotency-Key: run a call once, then replay the stored reply."""
