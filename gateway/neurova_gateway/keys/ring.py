"""The keys at hand: a cache in front of a key store."""

from __future__ import annotations

import time
from collections.abc import Callable
from hmac import compare_digest

from neurova.errors import Unavailable

from .base import KeyRecord, KeyStore
from .key import digest

LOOK_SECONDS = 0.25
OUTAGE_SECONDS = 60.0
AT_HAND = 10_000


class KeyRing:
    """Find keys without asking the store each time, and never trust an old answer for long.

    A change made anywhere is seen within `LOOK_SECONDS`. While the store is down, keys at hand are
    good until `OUTAGE_SECONDS` after it last answered. Unknown keys are not remembered, so a flood
    of them takes no memory. `clock`: seconds that never go back; `wall`: Unix seconds. Threads may
    share a ring.
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
        self._used: dict[str, float] = {}
        self._version: int | None = None
        self._look_due = self._good_until = -1.0

    @property
    def store(self) -> KeyStore:
        """Return the store behind."""
        return self._store

    def find(self, key: str) -> KeyRecord | None:
        """Return the record of a key, revoked and expired ones too; None if nobody made it.

        Raises Unavailable when the store is down and the key is not at hand.
        """
        wanted = digest(key)
        record = self.at_hand(wanted)
        if record is None:
            record = self._fetch(wanted)
            if record is not None:
                self._used[record.key_id] = self._clock()
        return record

    def at_hand(self, wanted: bytes) -> KeyRecord | None:
        """Return the record of the key with that SHA-256 if it is at hand, asking no store for it.

        Raises Unavailable when it is, but the store has been down for too long.
        """
        now = self._clock()
        if now >= self._look_due:
            self._look(now)
        record = self._records.get(wanted)
        if record is None or not compare_digest(record.digest, wanted):
            return None
        if now >= self._good_until:
            raise Unavailable("the key store has not answered for a minute")
        self._used[record.key_id] = now
        return record

    def flush(self) -> None:
        """Tell the store when keys were last used. Call it every few seconds, off the path.

        Raises Unavailable when the store is down; the times are kept for the next call.
        """
        noted, self._used = self._used, {}
        used = noted.copy()  # another thread may still be writing into the first
        if not used:
            return
        then = self._wall() - self._clock()
        try:
            self._store.touch({key_id: then + at for key_id, at in used.items()})
        except Unavailable:
            self._used = used | self._used
            raise

    def _look(self, now: float) -> None:
        """Drop what is at hand if any key was changed since the last look."""
        self._look_due = now + LOOK_SECONDS
        try:
            version = self._store.version()
        except Unavailable:
            return
        self._good_until = now + OUTAGE_SECONDS
        if version != self._version:
            # A new dict: a thread that fetches meanwhile puts its old record into the old one.
            self._records = {}
            self._version = version

    def _fetch(self, wanted: bytes) -> KeyRecord | None:
        records = self._records
        record = self._store.find(wanted)
        if record is not None:
            if len(records) >= AT_HAND:
                records.pop(next(iter(records)), None)
            records[wanted] = record
        return record
