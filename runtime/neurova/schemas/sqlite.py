"""A schema registry in an SQLite file, which the processes of one machine share."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from ..files.sqlite_file import open_sqlite_file, translate_sqlite_error
from .base import (
    IncompatibleSchema,
    InvalidSchema,
    Level,
    Reference,
    UnknownSchema,
    Version,
)

_LAYOUT = """
CREATE TABLE IF NOT EXISTS schemas (
    id INTEGER PRIMARY KEY AUTOINCREMENT, digest BLOB NOT NULL UNIQUE, schema TEXT NOT NULL,
    refs TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS versions (
    subject TEXT NOT NULL, version INTEGER NOT NULL, schema INTEGER NOT NULL REFERENCES schemas(id),
    deleted INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (subject, version)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS levels (subject TEXT PRIMARY KEY, level TEXT NOT NULL) WITHOUT ROWID;
"""
_SELECT = (
    "SELECT subject, version, id, schemas.schema, refs FROM versions "
    "JOIN schemas ON id = versions.schema WHERE "
)
MAX_SCHEMA = 1 << 20
"""The maximum length of a schema."""


class SqliteRegistry:
    """Keep schemas in the file at `path`, created on first use.

    `default` is the compatibility level of subjects without their own level.
    """

    def __init__(self, path: Path, default: Level = "BACKWARD") -> None:
        self._path = path
        self._default = default
        self._connection: sqlite3.Connection | None = None
        self._lock = threading.Lock()

    def register(self, subject: str, schema: str, references: tuple[Reference, ...] = ()) -> int:
        """Register a schema under a subject and return its id; add a version if it is new.

        Raises InvalidSchema, IncompatibleSchema, and UnknownSchema if a reference does not exist.
        """
        digest = _digest(schema, references)
        if found := self.lookup(subject, schema, references):
            return found.id
        with self._transaction() as run:
            if found := self._lookup(run, subject, digest):
                return found.id
            self._check(run, subject, schema, references)
            refs = json.dumps(references)
            run(
                "INSERT INTO schemas (digest, schema, refs) VALUES (?, ?, ?) "
                "ON CONFLICT DO NOTHING",
                digest,
                schema,
                refs,
            )
            ((id,),) = run("SELECT id FROM schemas WHERE digest = ?", digest)
            run(
                "INSERT INTO versions (subject, version, schema) SELECT ?, "
                "coalesce(max(version), 0) + 1, ? FROM versions WHERE subject = ?",
                subject,
                id,
                subject,
            )
            return int(id)

    def lookup(
        self, subject: str, schema: str, references: tuple[Reference, ...] = ()
    ) -> Version | None:
        """Return the version of a subject with this schema. Raises InvalidSchema."""
        digest = _digest(schema, references)
        with self._transaction(writes=False) as run:
            return self._lookup(run, subject, digest)

    def find(self, id: int) -> str:
        """Return the schema (JSON) with this id. Raises UnknownSchema."""
        return self.find_with_references(id)[0]

    def find_with_references(self, id: int) -> tuple[str, tuple[Reference, ...]]:
        """Return a schema and its references. Raises UnknownSchema."""
        with self._transaction(writes=False) as run:
            rows = run("SELECT schema, refs FROM schemas WHERE id = ?", id)
        if not rows:
            raise UnknownSchema(f"no schema has the id {id}", where=str(self._path))
        return rows[0][0], _references(rows[0][1])

    def uses(self, id: int) -> list[Version]:
        """Return the versions that have the schema with this id."""
        with self._transaction(writes=False) as run:
            return _versions(run(_SELECT + "id = ? AND NOT deleted ORDER BY subject, version", id))

    def referencing(self, subject: str, version: int) -> list[int]:
        """Return the ids of the schemas that refer to a version."""
        with self._transaction(writes=False) as run:
            return self._referencing(run, subject, version)

    def subjects(self, *, deleted: bool = False) -> list[str]:
        """Return the subjects, sorted. `deleted`: include subjects with only deleted versions."""
        with self._transaction(writes=False) as run:
            rows = run(
                "SELECT DISTINCT subject FROM versions WHERE deleted <= ? ORDER BY subject", deleted
            )
        return [subject for (subject,) in rows]

    def versions(self, subject: str, *, deleted: bool = False) -> list[Version]:
        """Return the versions of a subject, oldest first; none if it does not exist."""
        with self._transaction(writes=False) as run:
            return self._versions(run, subject, deleted)

    def check(
        self,
        schema: str,
        earlier: Sequence[Version],
        level: Level,
        references: tuple[Reference, ...] = (),
    ) -> list[str]:
        """Return one text for each conflict between a schema and an earlier version.

        Raises InvalidSchema, and UnknownSchema if a reference does not exist.
        """
        with self._transaction(writes=False) as run:
            return self._find_breaks(run, schema, earlier, level, references)

    def delete(self, subject: str, version: int | None = None, *, permanent: bool = False) -> bool:
        """Delete a version, or all versions of a subject; its schema can still be read by id.

        `permanent`: remove the versions instead of marking them as deleted. Returns whether there
        was a version to delete. Raises IncompatibleSchema if another schema refers to it.
        """
        with self._transaction() as run:
            found = [
                each
                for each in self._versions(run, subject, deleted=True)
                if version in (None, each.version)
            ]
            for each in found:
                if self._referencing(run, subject, each.version):
                    raise IncompatibleSchema(
                        f"another schema refers to version {each.version}",
                        where=subject,
                        fix="delete that one first",
                    )
                change = "DELETE FROM versions" if permanent else "UPDATE versions SET deleted = 1"
                run(f"{change} WHERE subject = ? AND version = ?", subject, each.version)
            return bool(found)

    def level(self, subject: str) -> Level:
        """Return the compatibility level of a subject; the subject "" holds the default."""
        return self.own_level(subject) or self.own_level("") or self._default

    def own_level(self, subject: str) -> Level | None:
        """Return the level that was set for a subject, None if none was set."""
        with self._transaction(writes=False) as run:
            rows = run("SELECT level FROM levels WHERE subject = ?", subject)
        return cast(Level, rows[0][0]) if rows else None

    def set_level(self, subject: str, level: Level | None) -> None:
        """Set the compatibility level of a subject; None: use the default."""
        with self._transaction() as run:
            run("DELETE FROM levels WHERE subject = ?", subject)
            if level is not None:
                run("INSERT INTO levels VALUES (?, ?)", subject, level)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _check(self, run: Run, subject: str, schema: str, references: Sequence[Reference]) -> None:
        rows = run("SELECT subject, level FROM levels WHERE subject IN (?, '')", subject)
        levels = dict(rows)
        level = cast(Level, levels.get(subject) or levels.get("") or self._default)
        breaks = self._find_breaks(run, schema, self._versions(run, subject), level, references)
        if breaks:
            raise IncompatibleSchema(
                f"the schema is not {level} compatible: {'; '.join(breaks)}",
                where=subject,
                fix="`neurova schema check` prints a schema that is",
            )

    def _find_breaks(
        self,
        run: Run,
        schema: str,
        earlier: Sequence[Version],
        level: Level,
        references: Sequence[Reference],
    ) -> list[str]:
        from .compatibility import find_level_breaks, parse

        types = self._resolve(run, references, {})
        parse(schema, types)
        # Earlier versions are parsed with the types that the new version refers to.
        texts = [each.schema for each in earlier]
        return [
            f"version {earlier[index].version}: {found.path or 'the record'}: {found.what}"
            for index, found in find_level_breaks(schema, texts, level, types=types)
        ]

    def _resolve(
        self, run: Run, references: Sequence[Reference], found: dict[Reference, str]
    ) -> list[str]:
        """Return the schemas of references, each after the schemas that it refers to."""
        for each in references:
            if each in found:
                continue
            versions = self._versions(run, each.subject, deleted=True)
            matching = [one for one in versions if one.version == each.version]
            if not matching:
                raise UnknownSchema(
                    f"no version {each.version}",
                    where=each.subject,
                    fix="register what is referred to first",
                )
            self._resolve(run, matching[0].references, found)
            found[each] = matching[0].schema
        return list(found.values())

    def _lookup(self, run: Run, subject: str, digest: bytes) -> Version | None:
        where = "subject = ? AND digest = ? AND NOT deleted ORDER BY version DESC LIMIT 1"
        found = _versions(run(_SELECT + where, subject, digest))
        return found[0] if found else None

    def _versions(self, run: Run, subject: str, deleted: bool = False) -> list[Version]:
        where = "subject = ? AND deleted <= ? ORDER BY version"
        return _versions(run(_SELECT + where, subject, deleted))

    def _referencing(self, run: Run, subject: str, version: int) -> list[int]:
        rows = run(
            "SELECT DISTINCT id, refs FROM schemas JOIN versions ON versions.schema = id "
            "WHERE refs != '[]' AND NOT deleted"
        )
        return [
            id
            for id, refs in rows
            if any(each[1:] == (subject, version) for each in _references(refs))
        ]

    @contextmanager
    def _transaction(self, *, writes: bool = True) -> Iterator[Run]:
        """Yield a function that runs a statement; only one thread at a time gets it."""
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = open_sqlite_file(self._path, _LAYOUT)
                connection = self._connection
                connection.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
                try:
                    yield Run(connection)
                    connection.execute("COMMIT")
                except BaseException:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                    raise
            except (sqlite3.Error, OSError) as error:
                raise translate_sqlite_error(error, self._path) from error


class Run:
    """Run a statement and return its rows."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __call__(self, statement: str, *values: object) -> list[Any]:
        """Return the rows of a statement."""
        return self._connection.execute(statement, values).fetchall()


def _digest(schema: str, references: Sequence[Reference]) -> bytes:
    """Return a digest of a schema that ignores white space and the order of keys."""
    try:
        schema.encode()
        if len(schema) > MAX_SCHEMA:
            raise ValueError(f"it has {len(schema)} characters, the maximum is {MAX_SCHEMA}")
        definition = json.loads(schema)
    except (ValueError, RecursionError) as error:
        raise InvalidSchema(f"not a valid Avro schema: {error}") from error
    text = json.dumps([definition, sorted(references)], sort_keys=True)
    return hashlib.sha256(text.encode()).digest()


def _references(refs: str) -> tuple[Reference, ...]:
    return tuple(Reference(*each) for each in json.loads(refs))


def _versions(rows: Sequence[Any]) -> list[Version]:
    return [
        Version(subject, version, id, schema, _references(refs))
        for subject, version, id, schema, refs in rows
    ]
