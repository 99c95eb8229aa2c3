"""The warehouse on ClickHouse: implements `Warehouse` on one database, over HTTP."""
# ruff: noqa: S608 - names are checked and quoted, values are parameters

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from ..errors import StateError, Unavailable
from . import columns as plan
from .base import (
    BATCH,
    STORED,
    SYSTEM,
    Column,
    Day,
    Kind,
    Limits,
    QueryRefused,
    QueryStopped,
    Result,
    Rows,
    Table,
)

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

_TYPES: dict[Kind, str] = {
    "boolean": "Nullable(Bool)",
    "long": "Nullable(Int64)",
    "double": "Nullable(Float64)",
    "decimal": "Nullable(Decimal(38, 9))",
    "date": "Nullable(Date32)",
    "timestamp": "Nullable(DateTime64(6, 'UTC'))",
    "text": "Nullable(String)",
}
_KINDS = {sql: kind for kind, sql in _TYPES.items()}
# Of rows with the same id, keep the first: a redelivered event must not undo `forget`.
_LAYOUT = """(
    _id String, _time DateTime64(6, 'UTC'), _trace_id String, _batch Int64,
    _rank UInt64 MATERIALIZED 9223372036854775807 - _batch
) ENGINE = ReplacingMergeTree(_rank) PARTITION BY toYYYYMM(_time) ORDER BY (toDate(_time), _id)"""
_INSERT = {"date_time_input_format": "best_effort"}
_TOKENS = re.compile(
    r"'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.)*\"|`[^`]*`|--[^\n]*|/\*.*?\*/|\$([A-Za-z_]\w*)", re.S
)
# Besides this check, `readonly` and the rights of the ClickHouse user limit a query.
_OTHER_SOURCES = re.compile(
    r"\b(\w*(file|url|s3|gcs|hdfs|remote|remoteSecure|cluster|mysql|postgresql|sqlite|mongodb|redis"
    r"|jdbc|odbc|executable|input|azureBlobStorage|iceberg|deltaLake|hudi|dictionary)\w*)\s*\(",
    re.I,
)
_CLAUSES = re.compile(r"\b(INTO\s+OUTFILE|FORMAT|SETTINGS|system|information_schema)\b|;", re.I)
_TIME, _MEMORY = (159, 160), (241,)  # ClickHouse's error codes


class ClickHouseWarehouse:
    """Keep the tables in the database of a URL like clickhouse://user:password@host:8123/name."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._place = f"ClickHouse at {urlsplit(url).hostname}"
        self._connecting = threading.Lock()
        self._client: Client | None = None

    def _connected(self) -> Client:
        with self._connecting:
            if self._client is None:
                from clickhouse_connect import get_client

                parts = urlsplit(self._url)
                self._client = get_client(
                    host=parts.hostname or "localhost",
                    port=parts.port or 0,
                    username=unquote(parts.username or "default"),
                    password=unquote(parts.password or ""),
                    database=parts.path.strip("/") or "default",
                    secure=parts.scheme == "clickhouses",
                    autogenerate_session_id=False,  # a session runs one query at a time
                )
            return self._client

    def tables(self) -> list[Table]:
        """Return the stored tables."""
        with self._translated():
            found = self._connected().query(
                "SELECT table, name, type, comment FROM system.columns WHERE database = "
                f"currentDatabase() AND startsWith(table, '{STORED}') ORDER BY table, position"
            )
        tables: dict[str, list[Column]] = {}
        system = {"_rank", BATCH.name, *(each.name for each in SYSTEM)}
        for table, name, sql, comment in found.result_rows:
            known = tables.setdefault(table.removeprefix(STORED), [])
            if name not in system:
                known.append(Column(name, _KINDS[sql], comment == "pii"))
        return [Table(name, tuple(columns)) for name, columns in tables.items()]

    def extend(self, table: str, columns: Sequence[Column]) -> None:
        """Create or extend a table."""
        stored = plan.quote(STORED + table)
        with self._translated():
            client = self._connected()
            client.command(f"CREATE TABLE IF NOT EXISTS {stored} {_LAYOUT}")
            for column in columns:
                name, mark = plan.quote(column.name), "pii" if column.pii else ""
                client.command(
                    f"ALTER TABLE {stored} ADD COLUMN IF NOT EXISTS {name} {_TYPES[column.kind]}"
                )
                client.command(f"ALTER TABLE {stored} COMMENT COLUMN {name} '{mark}'")
        (found,) = [each for each in self.tables() if each.name == table]
        shown = [f'stored."{each.name}" AS "{each.name}"' for each in SYSTEM]
        for name, (kind, parts) in plan.merge(found.columns).items():
            values = [f'stored."{part}"' for part in parts]
            if len(parts) > 1:
                values = [f"CAST({each} AS {_TYPES[kind]})" for each in values]
            shown.append(f'coalesce({", ".join(values)}) AS "{name}"')
        with self._translated():
            self._connected().command(
                f"CREATE OR REPLACE VIEW {plan.quote(table)} AS "
                f"SELECT {', '.join(shown)} FROM {stored} AS stored FINAL"
            )

    def insert(self, rows: Sequence[Rows]) -> None:
        """Store rows; ClickHouse merges rows with equal ids and times into the first one."""
        for each in rows:
            self._insert(each.table.name, each.names, each.lines, "JSONEachRow")

    def query(self, sql: str, parameters: Mapping[str, Any], limits: Limits) -> Result:
        """Return the answer of one SELECT."""
        settings = _settings(limits) | {
            "max_result_rows": limits.rows + 1,
            "result_overflow_mode": "break",
        }
        text = _prepare(sql, parameters)
        with self._translated_query(limits):
            found = self._connected().query(text, dict(parameters), settings=settings)
        rows = list(found.result_rows)
        return Result(tuple(found.column_names), rows[: limits.rows], len(rows) <= limits.rows)

    def export(self, sql: str, parameters: Mapping[str, Any], limits: Limits, file: Path) -> None:
        """Write the answer of one SELECT into a Parquet file."""
        text = _prepare(sql, parameters)
        with self._translated_query(limits):
            content = self._connected().raw_query(
                text, dict(parameters), settings=_settings(limits), fmt="Parquet"
            )
        _write(file, content)

    def days(self, table: str) -> list[Day]:
        """Return the days of a table."""
        with self._translated():
            found = self._connected().query(
                "SELECT toDate(_time) AS day, count(), max(_batch) "
                f"FROM {plan.quote(STORED + table)} FINAL "
                "GROUP BY day ORDER BY day"
            )
            return [Day(*row) for row in found.result_rows]

    def write_part(self, table: str, day: date, after: int, file: Path) -> None:
        """Write rows of a day into a Parquet file."""
        with self._translated():
            content = self._connected().raw_query(
                f"SELECT * FROM {plan.quote(STORED + table)} FINAL "
                f"WHERE toDate(_time) = toDate('{day}') AND _batch > {after:d} ORDER BY _time, _id",
                fmt="Parquet",
            )
        _write(file, content)

    def read_part(self, table: Table, file: Path) -> None:
        """Store the rows of a Parquet file."""
        names = [each.name for each in (*SYSTEM, BATCH, *table.columns)]
        with self._part(file):
            self._insert(table.name, names, file.read_bytes(), "Parquet")

    def count_part_rows(self, table: Table, files: Iterable[Path]) -> int:
        """Count the different rows of Parquet files, in a temporary table."""
        client, name = self._connected(), "check_archive"
        with self._translated():
            client.command(f"DROP TABLE IF EXISTS {name}")
            client.command(f"CREATE TABLE {name} (_id String) ENGINE = Memory")
        try:
            for file in files:
                with self._part(file):
                    self._store(name, ["_id"], file.read_bytes(), "Parquet")
            with self._translated():
                return int(str(client.command(f"SELECT uniqExact(_id) FROM {name}")))
        finally:
            client.command(f"DROP TABLE IF EXISTS {name}")

    def forget(self, table: Table, values: Sequence[str]) -> list[date]:
        """Set the pii columns to NULL in the rows of a person."""
        personal = [plan.quote(each.name) for each in table.columns if each.pii]
        if not personal:
            return []
        stored, given = plan.quote(STORED + table.name), {"values": list(values)}
        matches = " OR ".join(f"has({{values:Array(String)}}, {each})" for each in personal)
        emptied = ", ".join(f"{name} = NULL" for name in personal)
        with self._translated():
            client = self._connected()
            days = client.query(
                f"SELECT DISTINCT toDate(_time) FROM {stored} WHERE {matches}", given
            ).result_rows
            if days:
                client.command(
                    f"ALTER TABLE {stored} UPDATE {emptied} WHERE {matches}",
                    given,
                    settings={"mutations_sync": 2},
                )
        return sorted(day for (day,) in days)

    def compact(self) -> None:
        """Do nothing: `forget` has written new parts, and ClickHouse deletes the old ones."""

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def check(self) -> str:
        """Return the version of the server."""
        with self._translated():
            return str(self._connected().server_version)

    def _insert(self, table: str, names: Sequence[str], content: bytes, kind: str) -> None:
        with self._translated():
            self._store(plan.quote(STORED + table), names, content, kind)

    def _store(self, table: str, names: Sequence[str], content: bytes, kind: str) -> None:
        self._connected().raw_insert(table, names, content, settings=_INSERT, fmt=kind)

    @contextmanager
    def _part(self, file: Path) -> Iterator[None]:
        from clickhouse_connect.driver.exceptions import DatabaseError

        try:
            yield
        except (OSError, DatabaseError, StateError) as error:
            raise StateError(
                f"is not a complete Parquet file: {_first_line(error)}",
                where=str(file),
                fix="restore it from a copy, or delete it",
            ) from error

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Translate errors of the client; `_translated_query` translates errors of queries."""
        from clickhouse_connect.driver.exceptions import DatabaseError, Error, OperationalError

        try:
            yield
        except (OSError, OperationalError) as error:
            raise self._unavailable(error) from error
        except DatabaseError as error:
            raise StateError(
                _first_line(error), where=self._place, fix="see the log of ClickHouse"
            ) from error
        except Error as error:
            raise self._unavailable(error) from error

    @contextmanager
    def _translated_query(self, limits: Limits) -> Iterator[None]:
        from clickhouse_connect.driver.exceptions import DatabaseError, Error

        try:
            yield
        except DatabaseError as error:
            code = re.search(r"Code: (\d+)", str(error))
            number = int(code[1]) if code else 0
            if number in (*_TIME, *_MEMORY):
                allowed = f"{limits.seconds:g} s"
                if number in _MEMORY:
                    allowed = f"{limits.memory >> 20} MiB"
                raise QueryStopped(
                    f"the query needs more than {allowed}", fix="read fewer rows, e.g. by _time"
                ) from error
            raise QueryRefused(_first_line(error)) from error
        except (OSError, Error) as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: Exception) -> Unavailable:
        return Unavailable(
            f"does not answer: {_first_line(error)}",
            where=self._place,
            fix="start it, or fix warehouse.url",
        )


def _settings(limits: Limits) -> dict[str, Any]:
    return {
        "readonly": 1,
        "max_execution_time": limits.seconds,
        "max_memory_usage": limits.memory,
    }


def _prepare(sql: str, parameters: Mapping[str, Any]) -> str:
    """Check a SELECT and convert its parameters to ClickHouse's syntax. Raises QueryRefused."""
    sql = sql.strip().removesuffix(";")
    bare = _TOKENS.sub(" ", sql)
    if not re.match(r"\(*\s*(SELECT|WITH)\b", bare, re.I):
        raise QueryRefused("the statement is not a SELECT", fix="write one SELECT")
    if found := _CLAUSES.search(bare):
        raise QueryRefused(f"{found[0]!r} cannot be used", fix="write one SELECT of tables")
    if found := _OTHER_SOURCES.search(bare):
        raise QueryRefused(f"{found[1]}() cannot be used", fix="read tables of the warehouse")

    def typed(match: re.Match[str]) -> str:
        name = match[1]
        if name is None:
            return match[0]
        if name not in parameters:
            raise QueryRefused(f"the parameter {name!r} has no value")
        kinds = {bool: "Bool", int: "Int64", float: "Float64"}
        return f"{{{name}:{kinds.get(type(parameters[name]), 'String')}}}"

    return _TOKENS.sub(typed, sql)


def _write(file: Path, content: bytes) -> None:
    try:
        file.write_bytes(content)
    except OSError as error:
        raise StateError(f"cannot be written: {error.strerror}", where=str(file)) from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:500]
