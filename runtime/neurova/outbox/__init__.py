"""Deliver events exactly when their transaction commits: outbox, relay and inbox."""
