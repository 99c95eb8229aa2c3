"""A cache in front of a key store."""

from __future__ import annotations

import time
from collections.abc import Callable
from hmac import compare_digest

from neurova.errors import Unavailable

from .base import KeyRecord, KeyStore
from .key import digest

CHECK_SECONDS = 0.25
OUTAGE_SECONDS = 60.0
CACHE_SIZE = 10_000


class KeyCache:
    """Find keys without asking the store each time.

    A change by any process takes effect within `CHECK_SECONDS`. While the store is down, cached
    keys work until `OUTAGE_SECONDS` after its last response. Unknown keys are not cached, so a
    flood of them takes no memory. `clock`: monotonic seconds; `wall`: Unix seconds. Thread-safe.
    """

    def __init__(
        self,
        store: KeyStore,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._clock = clock
        self._wall = wall
        self._records: dict[bytes, KeyRecord] = {}
        self._last_uses: dict[str, float] = {}
        self._version: int | None = None
        self._check_due = self._usable_until = -1.0

    @property
    def store(self) -> KeyStore:
        """Return the store behind the cache."""
        return self._store

    def find(self, key: str) -> KeyRecord | None:
        """Return the record of a key, even if it is revoked or expired; None for an unknown key.

        Raises Unavailable when the store is down and the key is not cached.
        """
        key_digest = digest(key)
        record = self.find_cached(key_digest)
        if record is None:
            record = self._fetch(key_digest)
            if record is not None:
                self._last_uses[record.key_id] = self._clock()
        return record

    def find_cached(self, key_digest: bytes) -> KeyRecord | None:
        """Return the cached key record with this SHA-256, None if it is not cached.

        Raises Unavailable if the key is cached but the store has been down for too long.
        """
        now = self._clock()
        if now >= self._check_due:
            self._check_version(now)
        record = self._records.get(key_digest)
        if record is None or not compare_digest(record.digest, key_digest):
            return None
        if now >= self._usable_until:
            raise Unavailable(f"the key store has not answered for {OUTAGE_SECONDS:.0f} seconds")
        self._last_uses[record.key_id] = now
        return record

    def refresh(self) -> None:
        """Apply changes by other processes now. Raises Unavailable."""
        self._store.refresh()
        self._check_due = -1.0

    def flush(self) -> None:
        """Store the last-use times of keys. Call this every few seconds, off the hot path.

        Raises Unavailable when the store is down; the next call retries these times.
        """
        pending, self._last_uses = self._last_uses, {}
        uses = pending.copy()  # copy: another thread may still add to this dict
        if not uses:
            return
        offset = self._wall() - self._clock()
        try:
            self._store.touch({key_id: offset + used_at for key_id, used_at in uses.items()})
        except Unavailable:
            self._last_uses = uses | self._last_uses
            raise

    def _check_version(self, now: float) -> None:
        """Empty the cache if any key has changed since the last check."""
        self._check_due = now + CHECK_SECONDS
        try:
            version = self._store.version()
        except Unavailable:
            return
        self._usable_until = now + OUTAGE_SECONDS
        if version != self._version:
            # Replace the dict instead of clearing it: a concurrent `find` may still add a stale
            # record, and adds it to the old dict.
            self._records = {}
            self._version = version

    def _fetch(self, key_digest: bytes) -> KeyRecord | None:
        records = self._records
        record = self._store.find(key_digest)
        if record is not None:
            if len(records) >= CACHE_SIZE:
                records.pop(next(iter(records)), None)
            records[key_digest] = record
        return record
