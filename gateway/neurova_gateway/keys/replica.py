"""A copy of a remote key store in memory, so that no request waits for the network."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from time import monotonic

from neurova.errors import Unavailable

from .base import KeyRecord
from .sql import SqlKeyStore

REFRESH_SECONDS = 0.2
STALE_SECONDS = 1.0  # without an answer of the store, after which the copy is not trusted
LOGGER = logging.getLogger("neurova")


class KeyReplica:
    """Find keys in a copy of all records, about 1 KB each; changes go to the store itself.

    A thread asks the store five times a second for changes, so a flood of unknown keys costs no
    statement. `find` and `version` raise Unavailable when the copy is older than `STALE_SECONDS`.
    Closes the store.
    """

    def __init__(self, store: SqlKeyStore) -> None:
        self._store = store
        self._records: dict[bytes, KeyRecord] = {}
        self._version = -1
        self._fresh_until = -1.0
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._refresh()
        self._thread = threading.Thread(target=self._keep_fresh, name="key-replica", daemon=True)
        self._thread.start()

    def find(self, digest: bytes) -> KeyRecord | None:
        """Return the record of the key with that SHA-256, revoked and expired ones too."""
        self._check_fresh()
        return self._records.get(digest)

    def version(self) -> int:
        """Return the number of changes that the copy holds, by any process."""
        self._check_fresh()
        return self._version

    def records(self, consumer: str | None = None) -> Sequence[KeyRecord]:
        """Return all keys, or those of one consumer, oldest first."""
        return self._store.records(consumer)

    def add(self, record: KeyRecord) -> None:
        """Store a new key; raises ValueError if its id or digest is stored already."""
        self._store.add(record)
        self._refresh()

    def revoke(self, key_id: str, at: float) -> bool:
        """End a key at `at`, unless it ends earlier already; False if there is no such key."""
        found = self._store.revoke(key_id, at)
        self._refresh()
        return found

    def set_consumer_limits(self, consumer: str, limits: str) -> None:
        """Bind all keys of a consumer together to `limits`, "" for none."""
        self._store.set_consumer_limits(consumer, limits)
        self._refresh()

    def touch(self, used: dict[str, float]) -> None:
        """Note when keys were last used; `version` does not count that as a change."""
        self._store.touch(used)

    def close(self) -> None:
        """End the thread, empty the copy, close the store."""
        self._stopped.set()
        self._thread.join()
        self._fresh_until = -1.0
        self._records = {}
        self._store.close()

    def _check_fresh(self) -> None:
        if monotonic() > self._fresh_until:
            raise Unavailable("the key store does not answer")

    def _keep_fresh(self) -> None:
        while not self._stopped.wait(REFRESH_SECONDS):
            try:
                self._refresh()
            except Unavailable:
                continue  # `find` raises once the copy is stale
            except Exception:
                LOGGER.exception("The copy of the keys cannot be refreshed, next try in 5 seconds")
                self._stopped.wait(5.0)

    def _refresh(self) -> None:
        with self._lock:
            began = monotonic()
            version = self._store.version()
            if version > self._version >= 0:
                changed = self._store.records_changed_after(self._version)
                self._records.update({record.digest: record for record in changed})
            elif version != self._version:
                # A lower number than before: the database was restored from a backup.
                self._records = {record.digest: record for record in self._store.records()}
            self._version = version
            self._fresh_until = began + STALE_SECONDS
