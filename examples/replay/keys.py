"""The keys of the replay's consumers."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from neurova_gateway.keys import issuer
from neurova_gateway.keys.sqlite import SqliteKeyStore

SCOPES = ("booking:read", "booking:write", "booking:rate")
LIMITS = "10000/second"
"""What one consumer may do: more than it does, and counted like any limit."""


def create(state: Path, consumers: Iterable[str]) -> dict[str, str]:
    """Make a live key for each consumer, its limits raised; return them by consumer."""
    store = SqliteKeyStore(state / "keys.db")
    try:
        keys = {}
        for consumer in sorted(set(consumers)):
            issuer.limit_consumer(store, consumer, LIMITS)
            keys[consumer] = issuer.create(store, consumer, "live", SCOPES, name="replay").key
        return keys
    finally:
        store.close()
