"""Deliver events if and only if their transaction commits: outbox, relay and inbox."""
