"""Lock idempotency keys with a lock file; store responses in the service's SQLite file."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar
from weakref import WeakValueDictionary

from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import OperationalError

from ...files.locks import ByteLocks
from ..base import KeyLocked, StoredResponse
from ..idempotency import IdempotencyStore
from ..key_locks import LocalKeyLocks
from ..revisions.upgrade import run_pending
from ..stored_responses import (
    ANY_EXPIRED,
    DELETE_EXPIRED,
    FIND,
    build_insert,
    from_row,
    responses,
)
from .errors import is_missing_table
from .migrations import SqliteMigrations
from .transaction import SqliteTransaction, SqliteTransactions

DELETE_TIMEOUT = 5.0  # seconds that a deletion waits for the writer
DELETE_OFFSET = 1 << 62  # lock this byte to delete expired responses; keys have lower offsets
_INSERT = build_insert(insert)


class SqliteIdempotencyStore(IdempotencyStore):
    """Lock keys and store responses of one file."""

    def __init__(self, transactions: SqliteTransactions, clock: Callable[[], float]) -> None:
        super().__init__(_INSERT, clock)
        self._transactions = transactions
        self._opened: _FileLocks | None = None

    @property
    def _locks(self) -> _FileLocks:
        if self._opened is None:
            self._opened = _FileLocks.of(self._transactions.path)
        return self._opened

    @property
    def local_locks(self) -> LocalKeyLocks:
        """Return the key locks for the calls of this process."""
        return self._locks.keys

    def begin(self, deadline: float) -> SqliteTransaction:
        """Return a write transaction with a savepoint at its start."""
        return self._transactions.transaction(readonly=False, deadline=deadline, savepoint=True)

    async def find(self, key: bytes, deadline: float) -> StoredResponse | None:
        """Return the response stored under a key; if the table is missing, create it first."""
        try:
            return await self._find(key, deadline)
        except OperationalError as error:
            if not is_missing_table(error, responses.name):
                raise
        backend = SqliteMigrations(self._transactions.path)
        await self._transactions.run_exclusively(deadline, run_pending, backend, None)
        return await self._find(key, deadline)

    async def lock_process(self, key: bytes, deadline: float) -> None:
        """Lock a key against other processes. Raises KeyLocked at `deadline`."""
        try:
            await self._locks.file.lock(_offset(key), deadline)
        except TimeoutError:
            raise KeyLocked("another process held the key until the deadline") from None

    async def unlock_process(self, key: bytes) -> None:
        """Unlock a key for other processes."""
        self._locks.file.unlock(_offset(key))

    async def delete_expired(self) -> int:
        """Delete a batch of expired responses, unless another process is deleting."""
        deadline = asyncio.get_running_loop().time() + DELETE_TIMEOUT
        if not self._transactions.path.exists() or not await self._has_expired(deadline):
            return 0
        if not self._locks.file.try_lock(DELETE_OFFSET):
            return 0
        tx = self._transactions.transaction(readonly=False, deadline=deadline)
        try:
            deleted = await tx.execute(DELETE_EXPIRED, {"now": int(self.clock())})
            await tx.commit()
        finally:
            await tx.rollback()
            self._locks.file.unlock(DELETE_OFFSET)
        return deleted.rowcount  # type: ignore[attr-defined,no-any-return]  # only a CursorResult has `rowcount`

    def close(self) -> None:
        """Release the lock file; the last user of the file closes it."""
        self._opened = None

    async def _find(self, key: bytes, deadline: float) -> StoredResponse | None:
        tx = self._transactions.transaction(readonly=True, deadline=deadline)
        try:
            row = (await tx.execute(FIND, {"k": key, "now": int(self.clock())})).first()
        finally:
            await tx.rollback()
        return None if row is None else from_row(row)

    async def _has_expired(self, deadline: float) -> bool:
        """Return whether there are expired responses, without taking the write lock."""
        tx = self._transactions.transaction(readonly=True, deadline=deadline)
        try:
            return (await tx.execute(ANY_EXPIRED, {"now": int(self.clock())})).first() is not None
        except OperationalError as error:
            if not is_missing_table(error, responses.name):
                raise
            return False
        finally:
            await tx.rollback()


class _FileLocks:
    """The locks of one database file, shared by this process.

    Use one object per file: closing any descriptor of a file releases all locks of the process on
    that file.
    """

    _by_path: ClassVar[WeakValueDictionary[Path, _FileLocks]] = WeakValueDictionary()

    def __init__(self, path: Path) -> None:
        self.keys = LocalKeyLocks()
        self.file = ByteLocks(path)

    @classmethod
    def of(cls, database: Path) -> _FileLocks:
        """Return the locks of a database; the lock file is next to it."""
        path = database.resolve()
        locks = cls._by_path.get(path)
        if locks is None:
            locks = cls._by_path[path] = cls(path.with_name(f"{path.name}.lock"))
        return locks


def _offset(key: bytes) -> int:
    return int.from_bytes(key[:8], "big") >> 2
