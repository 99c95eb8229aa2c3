"""Answers kept in a service's SQLite file, and who may write the next one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from weakref import WeakValueDictionary

from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import OperationalError

from ...files.locks import ByteLocks
from ..base import AlreadyStored, KeyLocked, StoredResponse, Transaction, Tx
from ..key_locks import LocalKeyLocks
from ..migrations.service import upgrade_platform
from ..stored_responses import FIND, OVER, SWEEP, answers, put, row_of, stored_of

if TYPE_CHECKING:
    from .database import SqliteDatabase, SqliteTransaction

PATIENCE = 5.0  # seconds that a sweep waits for its turn to write
SWEEPING = 1 << 62  # the place of who sweeps; those of keys are below
_PUT = put(insert)


class SqliteIdempotencyStore:
    """Find, write and sweep the answers of one database; `clock` gives Unix seconds."""

    def __init__(self, database: SqliteDatabase, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock
        self._opened: Keys | None = None

    @property
    def _keys(self) -> Keys:
        if self._opened is None:
            self._opened = Keys.of(self._database.path)
        return self._opened

    async def lock_key(self, key: bytes, deadline: float) -> SqliteKeyLock:
        """Wait for a key, in line in this process, then among processes; find what it keeps."""
        keys = self._keys
        stored = await keys.take(key, deadline)
        if stored is not None:
            return SqliteKeyLock(self, None, key, stored)
        try:
            return SqliteKeyLock(self, keys, key, await self._found(key, deadline))
        except BaseException:
            keys.release(key, None)
            raise

    def transaction(self, deadline: float) -> SqliteTransaction:
        """Return a transaction that can go back to its beginning."""
        return self._database.transaction(readonly=False, deadline=deadline, marked=True)

    async def store(self, tx: Tx, key: bytes, stored: StoredResponse) -> None:
        """Write the answer under a key."""
        written = await tx.execute(_PUT, row_of(key, stored, self._clock()))
        if not written.rowcount:  # type: ignore[attr-defined]  # of a CursorResult
            raise AlreadyStored(f"{self._database.path}: another call has kept its answer")

    async def find(self, key: bytes, deadline: float) -> StoredResponse | None:
        """Return the answer under a key."""
        tx = self._database.transaction(readonly=True, deadline=deadline)
        try:
            row = (await tx.execute(FIND, {"k": key, "now": int(self._clock())})).first()
        finally:
            await tx.rollback()
        return None if row is None else stored_of(row)

    async def delete_expired(self) -> int:
        """Delete some answers whose time is over; one process at a time does."""
        deadline = asyncio.get_running_loop().time() + PATIENCE
        if not self._database.path.exists() or not await self._over(deadline):
            return 0
        if not self._keys.locks.try_lock(SWEEPING):
            return 0
        tx = self._database.transaction(readonly=False, deadline=deadline)
        try:
            swept = await tx.execute(SWEEP, {"now": int(self._clock())})
            await tx.commit()
        finally:
            await tx.rollback()
            self._keys.locks.unlock(SWEEPING)
        return swept.rowcount  # type: ignore[attr-defined,no-any-return]  # of a CursorResult

    def close(self) -> None:
        """Let go of the locks."""
        self._opened = None

    async def _found(self, key: bytes, deadline: float) -> StoredResponse | None:
        """Return the answer under a key; make the platform's tables if they are not there yet."""
        try:
            return await self.find(key, deadline)
        except OperationalError as error:
            if not _missing(error):
                raise
        await self._database.alone(deadline, upgrade_platform, self._database.path)
        return await self.find(key, deadline)

    async def _over(self, deadline: float) -> bool:
        """Tell whether there is anything to sweep, without keeping anybody from writing."""
        tx = self._database.transaction(readonly=True, deadline=deadline)
        try:
            return (await tx.execute(OVER, {"now": int(self._clock())})).first() is not None
        except OperationalError as error:
            if not _missing(error):
                raise
            return False
        finally:
            await tx.rollback()


class SqliteKeyLock:
    """A key that a call has, `keys` None: the answer it waited for, without the key."""

    def __init__(
        self,
        answers: SqliteIdempotencyStore,
        keys: Keys | None,
        key: bytes,
        stored: StoredResponse | None,
    ) -> None:
        self.response = stored
        self._answers = answers
        self._keys = keys
        self._key = key

    def transaction(self, deadline: float) -> Transaction:
        """Return a transaction for writing, not yet open; one at a time."""
        return self._answers.transaction(deadline)

    async def store(self, tx: Transaction, stored: StoredResponse) -> None:
        """Write an answer in a transaction of the key_lock: it is kept once that has committed."""
        await self._answers.store(tx, self._key, stored)

    async def find(self, deadline: float) -> StoredResponse | None:
        """Look again for the answer that is kept."""
        return await self._answers.find(self._key, deadline)

    async def release(self, stored: StoredResponse | None = None) -> None:
        """Give the key back, once; those in line are given the answer, if one is kept."""
        keys, self._keys = self._keys, None
        if keys is not None:
            keys.release(self._key, stored or self.response)


class Keys:
    """Know who has which key of one file: in this process, in line, then among processes.

    `Keys.of` gives the one object of a file in a process: see `ByteLocks`.
    """

    _of: ClassVar[WeakValueDictionary[Path, Keys]] = WeakValueDictionary()

    def __init__(self, path: Path) -> None:
        self.claims = LocalKeyLocks()
        self.locks = ByteLocks(path)

    @classmethod
    def of(cls, database: Path) -> Keys:
        """Return who has which key of `database`, whose locks lie beside it."""
        path = database.resolve()
        found = cls._of.get(path)
        if found is None:
            found = cls._of[path] = cls(path.with_name(f"{path.name}.lock"))
        return found

    async def take(self, key: bytes, deadline: float) -> StoredResponse | None:
        """Return None once the caller has the key, or the answer with which it was given back."""
        stored = await self.claims.lock(key, deadline)
        if stored is None:
            try:
                await self.locks.lock(_place(key), deadline)
            except BaseException as error:
                self.claims.release(key)
                if isinstance(error, TimeoutError):
                    raise KeyLocked("another process had the key until the deadline") from None
                raise
        return stored

    def release(self, key: bytes, stored: StoredResponse | None) -> None:
        """Give a key back, with the answer that is kept under it now."""
        self.locks.unlock(_place(key))
        self.claims.release(key, stored)


def _place(key: bytes) -> int:
    return int.from_bytes(key[:8], "big") >> 2


def _missing(error: OperationalError) -> bool:
    """Tell whether the platform's table is not there: the file is new."""
    return f"no such table: {answers.name}" in str(error.orig)
