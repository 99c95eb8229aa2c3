"""API keys in one SQLite file: the embedded key store."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from neurova.errors import StateError, Unavailable
from neurova.files.locks import folder_lock

from .base import KeyRecord

VERSION = 1
WAIT_SECONDS = 2.0

_SCHEMA = """
CREATE TABLE consumers (
    consumer TEXT PRIMARY KEY,
    limits TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE keys (
    key_id TEXT NOT NULL UNIQUE,
    digest BLOB NOT NULL UNIQUE,
    consumer TEXT NOT NULL,
    environment TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created_at REAL NOT NULL,
    expires_at REAL,
    revoked_at REAL,
    last_used_at REAL,
    limits TEXT NOT NULL,
    quota INTEGER NOT NULL,
    cidrs TEXT NOT NULL,
    name TEXT NOT NULL
) STRICT;
CREATE INDEX keys_of_consumer ON keys (consumer);
CREATE TABLE changes (number INTEGER NOT NULL) STRICT;
INSERT INTO changes VALUES (0);
"""
_COLUMNS = (
    "key_id, keys.consumer, environment, scopes, created_at, digest, expires_at, revoked_at, "
    "last_used_at, keys.limits, coalesce(consumers.limits, ''), quota, cidrs, name"
)
_SELECT = f"SELECT {_COLUMNS} FROM keys LEFT JOIN consumers USING (consumer)"  # noqa: S608
_INSERT = (
    "INSERT INTO keys (key_id, digest, consumer, environment, scopes, created_at, expires_at, "
    "revoked_at, last_used_at, limits, quota, cidrs, name) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)"
)
_LIMIT = (
    "INSERT INTO consumers VALUES (?, ?) "
    "ON CONFLICT (consumer) DO UPDATE SET limits = excluded.limits"
)
T = TypeVar("T")


class SqliteKeyStore:
    """Keep API keys in the file `path`, mode 0600; any number of processes may share it.

    Two connections: one reads and never waits for a writer, one writes. Threads may share a store.
    Raises StateError when the file cannot be used, with what to do.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_lock = threading.Lock()
        self._write_lock = threading.Lock()
        self._seen = (-1, 0)
        self._connections: list[sqlite3.Connection] = []
        try:
            # sqlite cannot wait while a new file turns to WAL.
            with folder_lock(path.parent):
                _create(path)
                self._writer = self._connect()
                self._migrate()
                self._reader = self._connect()
        except (OSError, sqlite3.DatabaseError, StateError) as error:
            self.close()
            raise _unusable(path, error) from error
        status = os.stat(path)
        self._identity = status.st_dev, status.st_ino

    def find(self, digest: bytes) -> KeyRecord | None:
        """Return the record of the key with that SHA-256, revoked and expired ones too."""
        rows = self._read(f"{_SELECT} WHERE digest = ?", (digest,))
        return _record(rows[0]) if rows else None

    def records(self, consumer: str | None = None) -> Sequence[KeyRecord]:
        """Return all keys, or those of one consumer, oldest first."""
        where, order = " WHERE keys.consumer = ?", " ORDER BY created_at, keys.rowid"
        if consumer is None:
            rows = self._read(_SELECT + order)
        else:
            rows = self._read(_SELECT + where + order, (consumer,))
        return [_record(row) for row in rows]

    def add(self, record: KeyRecord) -> None:
        """Store a new key, and its consumer's limits where the record names some.

        Raises ValueError if a key of that id or digest is there already.
        """

        def insert(connection: sqlite3.Connection) -> None:
            try:
                connection.execute(_INSERT, _row(record))
            except sqlite3.IntegrityError:
                raise ValueError(f"key {record.key_id!r} is stored already") from None
            if record.consumer_limits:
                connection.execute(_LIMIT, (record.consumer, record.consumer_limits))

        self._write(insert)

    def revoke(self, key_id: str, at: float) -> bool:
        """End a key at `at`, unless it ends earlier already; False if there is no such key."""

        def update(connection: sqlite3.Connection) -> bool:
            cursor = connection.execute(
                "UPDATE keys SET revoked_at = min(coalesce(revoked_at, :at), :at) "
                "WHERE key_id = :key_id",
                {"at": at, "key_id": key_id},
            )
            return cursor.rowcount == 1

        return self._write(update)

    def set_consumer_limits(self, consumer: str, limits: str) -> None:
        """Bind all keys of a consumer together to `limits`, "" for none."""
        self._write(lambda connection: connection.execute(_LIMIT, (consumer, limits)))

    def touch(self, used: dict[str, float]) -> None:
        """Note when keys were last used; that is no change that `version` tells of."""

        def update(connection: sqlite3.Connection) -> None:
            connection.executemany(
                "UPDATE keys SET last_used_at = max(coalesce(last_used_at, :at), :at) "
                "WHERE key_id = :key_id",
                [{"at": at, "key_id": key_id} for key_id, at in used.items()],
            )

        self._write(update, counts=False)

    def version(self) -> int:
        """Return the number of changes so far, by anybody.

        Costs a `PRAGMA data_version` unless somebody wrote.
        """
        data = self._read("PRAGMA data_version")[0][0]
        if data != self._seen[0]:
            self._seen = (data, self._read("SELECT number FROM changes")[0][0])
        return self._seen[1]

    def close(self) -> None:
        """Let go of the file."""
        with self._read_lock, self._write_lock:
            for connection in self._connections:
                connection.close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=WAIT_SECONDS, isolation_level=None, check_same_thread=False
        )
        self._connections.append(connection)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        return connection

    def _migrate(self) -> None:
        with self._transaction() as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version > VERSION:
                raise StateError(
                    f"{self._path} was written by a newer NEUROVA (layout {version}, this one "
                    f"knows {VERSION}): upgrade NEUROVA, or put an older backup in its place"
                )
            if version == 0:
                for statement in _SCHEMA.split(";"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {VERSION}")

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self._writer.execute("BEGIN IMMEDIATE")
        try:
            yield self._writer
            self._writer.execute("COMMIT")
        except BaseException:
            if self._writer.in_transaction:  # after a full disk there is none: it says more
                self._writer.execute("ROLLBACK")
            raise

    def _write(self, change: Callable[[sqlite3.Connection], T], *, counts: bool = True) -> T:
        self._look()
        try:
            with self._write_lock, self._transaction() as connection:
                result = change(connection)
                if counts:
                    connection.execute("UPDATE changes SET number = number + 1")
                return result
        except sqlite3.Error as error:
            raise self._unavailable(error) from error

    def _read(self, query: str, parameters: tuple[Any, ...] = ()) -> list[Any]:
        self._look()
        try:
            with self._read_lock:
                return self._reader.execute(query, parameters).fetchall()
        except sqlite3.Error as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: sqlite3.Error) -> Unavailable:
        return Unavailable(f"{self._path}: the key store does not answer: {error}")

    def _look(self) -> None:
        """See that what is open is still what operators see and change."""
        try:
            status = os.stat(self._path)
        except OSError as error:
            raise Unavailable(f"{self._path}: {error.strerror}: start NEUROVA again") from error
        if (status.st_dev, status.st_ino) != self._identity:
            raise Unavailable(f"{self._path} was replaced: start NEUROVA again")


def _create(path: Path) -> None:
    # Only what is new: to close a file drops the locks of all who have it open in this process.
    # sqlite gives its two side files the mode of the first.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _unusable(path: Path, error: Exception) -> StateError:
    """Return what to tell the operator whose file cannot be opened."""
    if isinstance(error, StateError):
        return error
    if isinstance(error, FileNotFoundError):
        return StateError(f"{path.parent}: no such folder: create it")
    if isinstance(error, OSError):
        return StateError(f"{path}: {error.strerror}: let this user write the file and its folder")
    if isinstance(error, sqlite3.OperationalError):
        return StateError(
            f"{path}: {error}: see that it is a file this user may write, on a disk with room, "
            "that nobody holds"
        )
    return StateError(
        f"{path}: {error}: put a backup in its place, or delete it and create keys anew"
    )


def _row(record: KeyRecord) -> tuple[Any, ...]:
    return (
        record.key_id,
        record.digest,
        record.consumer,
        record.environment,
        json.dumps(sorted(record.scopes)),
        record.created_at,
        record.expires_at,
        record.revoked_at,
        record.last_used_at,
        record.limits,
        record.quota,
        json.dumps(record.cidrs),
        record.name,
    )


def _record(row: tuple[Any, ...]) -> KeyRecord:
    values = dict(zip(KeyRecord.__struct_fields__, row, strict=True))
    values["scopes"] = frozenset(json.loads(values["scopes"]))
    values["cidrs"] = tuple(json.loads(values["cidrs"]))
    return KeyRecord(**values)
