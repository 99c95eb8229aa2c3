"""Lock idempotency keys and store responses: the part shared by all backends."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from .base import AlreadyStored, StoredResponse, Transaction
from .key_locks import LocalKeyLocks
from .stored_responses import to_row


class IdempotencyStore(ABC):
    """Lock a key first within this process, then across processes; store responses.

    `insert` is the result of `stored_responses.build_insert`, `clock` returns Unix seconds.
    """

    def __init__(self, insert: Any, clock: Callable[[], float]) -> None:
        self.clock = clock
        self._insert = insert

    @property
    @abstractmethod
    def local_locks(self) -> LocalKeyLocks:
        """Return the key locks for the calls of this process."""

    @abstractmethod
    def begin(self, deadline: float) -> Transaction:
        """Return a write transaction with a savepoint at its start."""

    @abstractmethod
    async def find(self, key: bytes, deadline: float) -> StoredResponse | None:
        """Return the response stored under a key."""

    @abstractmethod
    async def lock_process(self, key: bytes, deadline: float) -> None:
        """Lock a key against other processes. Raises KeyLocked at `deadline`."""

    @abstractmethod
    async def unlock_process(self, key: bytes) -> None:
        """Unlock a key for other processes."""

    async def lock_key(self, key: bytes, deadline: float) -> HeldKeyLock:
        """Wait for the lock of a key; see `Database.lock_key`."""
        response = await self.local_locks.lock(key, deadline)
        if response is not None:
            return HeldKeyLock(self, key, response, is_held=False)
        try:
            await self.lock_process(key, deadline)
        except BaseException:
            self.local_locks.release(key)
            raise
        lock = HeldKeyLock(self, key, None, is_held=True)
        try:
            lock.response = await self.find(key, deadline)
        except BaseException:
            await lock.release()
            raise
        return lock

    async def store(self, tx: Transaction, key: bytes, response: StoredResponse) -> None:
        """Store a response under a key. Raises AlreadyStored if the key already has one."""
        written = await tx.execute(self._insert, to_row(key, response, self.clock()))
        if not written.rowcount:  # type: ignore[attr-defined]  # only a CursorResult has `rowcount`
            raise AlreadyStored("another call has stored a response under the same key")

    async def release(self, key: bytes, response: StoredResponse | None) -> None:
        """Unlock a key and pass the response to calls waiting in this process."""
        if response is not None:
            # Do not wait for the unlock: waiting calls replay the response and need no lock.
            self.local_locks.release(key, response)
            await self.unlock_process(key)
            return
        try:
            await self.unlock_process(key)
        finally:
            self.local_locks.release(key)


class HeldKeyLock:
    """Implement `KeyLock`; `is_held` is False if another call passed its response instead."""

    def __init__(
        self, store: IdempotencyStore, key: bytes, response: StoredResponse | None, *, is_held: bool
    ) -> None:
        self.response = response
        self._store = store
        self._key = key
        self._is_held = is_held

    def transaction(self, deadline: float) -> Transaction:
        """Return a new write transaction; use only one at a time."""
        return self._store.begin(deadline)

    async def store(self, tx: Transaction, response: StoredResponse) -> None:
        """Store a response under the key, in a transaction made by this lock."""
        await self._store.store(tx, self._key, response)

    async def find(self, deadline: float) -> StoredResponse | None:
        """Read the response from the database again."""
        return await self._store.find(self._key, deadline)

    async def release(self, response: StoredResponse | None = None) -> None:
        """Release the lock if it is held, and pass the stored response to waiting calls."""
        if self._is_held:
            self._is_held = False
            await self._store.release(self._key, response or self.response)
