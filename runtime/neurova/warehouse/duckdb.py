"""The embedded warehouse: implements `Warehouse` on one DuckDB file."""
# ruff: noqa: S608 - names are checked and quoted, values are parameters

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from .duckdb_guard import check_query

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_TYPES: dict[Kind, str] = {
    "boolean": "BOOLEAN",
    "long": "BIGINT",
    "double": "DOUBLE",
    "decimal": "DECIMAL(38,9)",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
    "text": "VARCHAR",
}
_KINDS = {sql: kind for kind, sql in _TYPES.items()}
READERS = 4
"""Queries that run at once."""
_PARQUET = "(FORMAT parquet, COMPRESSION zstd)"


class DuckDBWarehouse:
    """Keep the tables in the file at `path`; files of `archive` can be read and written.

    Statements can access no other files. DuckDB allows either one writing process or several
    `readonly` processes. Raises Unavailable if another process has the file open.
    """

    def __init__(
        self, path: Path, archive: Path, memory: int = 512 << 20, *, readonly: bool = False
    ) -> None:
        self._path = path
        self._archive = archive
        self._memory = memory
        self._readonly = readonly
        self._temporary = path.parent / "tmp"
        self._places = threading.BoundedSemaphore(READERS)
        try:
            for folder in (path.parent, archive, self._temporary):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StateError(f"cannot be created: {error.strerror}", where=str(path)) from error
        self._connection = self._open()

    def _open(self) -> DuckDBPyConnection:
        import duckdb

        config: dict[str, Any] = {
            "threads": 1,  # functions need the other cores
            "memory_limit": f"{self._memory >> 10}KiB",
            "temp_directory": str(self._temporary),
            "max_temp_directory_size": f"{max(self._memory * 4, 1 << 30) >> 10}KiB",
            "python_enable_replacements": False,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
        with self._translated():
            mask = os.umask(0o077)
            try:
                connection = duckdb.connect(self._path, read_only=self._readonly, config=config)
            finally:
                os.umask(mask)
            folders = ", ".join(f"'{_text(each)}/'" for each in (self._temporary, self._archive))
            connection.execute("SET preserve_insertion_order = false")
            connection.execute(f"SET allowed_directories = [{folders}]")
            connection.execute("SET enable_external_access = false")
            connection.execute("SET lock_configuration = true")
            return connection

    def tables(self) -> list[Table]:
        """Return the stored tables."""
        with self._translated(), self._places:
            found = self._cursor().execute(
                "SELECT table_name, column_name, data_type, comment FROM duckdb_columns() "
                "WHERE starts_with(table_name, ?) AND NOT internal AND database_name NOT IN "
                "('system', 'temp') ORDER BY table_name, column_index",
                [STORED],
            )
            rows = found.fetchall()
        tables: dict[str, list[Column]] = {}
        system = {each.name for each in (*SYSTEM, BATCH)}
        for table, name, sql, comment in rows:
            known = tables.setdefault(table.removeprefix(STORED), [])
            if name not in system:
                known.append(Column(name, _KINDS[sql], comment == "pii"))
        return [Table(name, tuple(columns)) for name, columns in tables.items()]

    def extend(self, table: str, columns: Sequence[Column]) -> None:
        """Create or extend a table."""
        stored = plan.quote(STORED + table)
        with self._transaction() as connection:
            typed = [f'"{each.name}" {_TYPES[each.kind]}' for each in (*SYSTEM, BATCH)]
            connection.execute(f"CREATE TABLE IF NOT EXISTS {stored} ({', '.join(typed)})")
            for column in columns:
                name = plan.quote(column.name)
                connection.execute(
                    f"ALTER TABLE {stored} ADD COLUMN IF NOT EXISTS {name} {_TYPES[column.kind]}"
                )
                mark = "'pii'" if column.pii else "NULL"
                connection.execute(f"COMMENT ON COLUMN {stored}.{name} IS {mark}")
        (found,) = [each for each in self.tables() if each.name == table]
        shown = [f'"{each.name}"' for each in SYSTEM]
        for name, (kind, parts) in plan.merge(found.columns).items():
            values = [f'"{part}"' for part in parts]
            if len(parts) > 1:
                values = [f"CAST({each} AS {_TYPES[kind]})" for each in values]
            shown.append(f'coalesce({", ".join(values)}) AS "{name}"')
        with self._transaction() as connection:
            connection.execute(
                f"CREATE OR REPLACE VIEW {plan.quote(table)} AS "
                f"SELECT {', '.join(shown)} FROM {stored}"
            )

    def insert(self, rows: Sequence[Rows]) -> None:
        """Store rows in one transaction."""
        with self._transaction() as connection:
            for number, each in enumerate(rows):
                file = self._temporary / f"batch{number}.jsonl"
                try:
                    file.write_bytes(each.lines)
                    kinds = {column.name: column.kind for column in _all(each.table)}
                    typed = ", ".join(f"'{name}': '{_TYPES[kinds[name]]}'" for name in each.names)
                    source = (
                        f"read_json('{_text(file)}', format = 'newline_delimited', "
                        f"columns = {{{typed}}}, maximum_object_size = {len(each.lines) + 1024})"
                    )
                    _insert(connection, each.table.name, each.names, source, each.first, each.last)
                finally:
                    file.unlink(missing_ok=True)

    def query(self, sql: str, parameters: Mapping[str, Any], limits: Limits) -> Result:
        """Return the answer of one SELECT."""
        with self._reading(sql, limits) as cursor:
            cursor.execute(sql, dict(parameters) or None)
            names = tuple(each[0] for each in cursor.description or ())
            rows = cursor.fetchmany(limits.rows + 1)
        return Result(names, rows[: limits.rows], len(rows) <= limits.rows)

    def export(self, sql: str, parameters: Mapping[str, Any], limits: Limits, file: Path) -> None:
        """Write the answer of one SELECT into a Parquet file."""
        temporary = self._temporary / f"export-{os.getpid()}-{threading.get_ident()}.parquet"
        try:
            with self._reading(sql, limits) as cursor:
                relation = cursor.sql(sql, params=dict(parameters) or None)
                relation.write_parquet(str(temporary), compression="zstd")
            _move(temporary, file)
        finally:
            temporary.unlink(missing_ok=True)

    def days(self, table: str) -> list[Day]:
        """Return the days of a table."""
        with self._translated(), self._places:
            found = self._cursor().execute(
                "SELECT CAST(_time AS DATE) AS day, count(*), max(_batch) "
                f"FROM {plan.quote(STORED + table)} GROUP BY day ORDER BY day"
            )
            return [Day(*row) for row in found.fetchall()]

    def write_part(self, table: str, day: date, after: int, file: Path) -> None:
        """Write rows of a day into a Parquet file."""
        with self._translated():
            self._cursor().execute(
                f"COPY (SELECT * FROM {plan.quote(STORED + table)} WHERE _time >= '{day}' "
                f"AND _time < DATE '{day}' + INTERVAL 1 DAY AND _batch > {after:d} "
                f"ORDER BY _time, _id) TO '{_text(file)}' {_PARQUET}"
            )

    def read_part(self, table: Table, file: Path) -> None:
        """Store the rows of a Parquet file."""
        source = f"read_parquet('{_text(file)}')"
        with self._part(file):
            found = self._cursor().execute(f"SELECT min(_time), max(_time) FROM {source}")
            first, last = found.fetchall()[0]
        if first is not None:
            with self._part(file), self._transaction() as connection:
                names = [each.name for each in _all(table)]
                _insert(connection, table.name, names, source, first, last)

    def count_part_rows(self, table: Table, files: Iterable[Path]) -> int:
        """Count the different rows of Parquet files."""
        names = [f"'{_text(file)}'" for file in files]
        for name in names:  # read each alone first, so that an error names the file
            with self._part(Path(name.strip("'"))):
                self._cursor().execute(f"SELECT count(_id) FROM read_parquet({name})")
        found = self._cursor().execute(
            f"SELECT count(DISTINCT _id) FROM read_parquet([{', '.join(names)}])"
        )
        return int(found.fetchall()[0][0])

    def forget(self, table: Table, values: Sequence[str]) -> list[date]:
        """Set the pii columns to NULL in the rows of a person."""
        personal = [plan.quote(each.name) for each in table.columns if each.pii]
        if not personal:
            return []
        stored, marks = plan.quote(STORED + table.name), ", ".join("?" for _ in values)
        matches = " OR ".join(f"CAST({name} AS VARCHAR) IN ({marks})" for name in personal)
        given = list(values) * len(personal)
        with self._transaction() as connection:
            days = connection.execute(
                f"SELECT DISTINCT CAST(_time AS DATE) FROM {stored} WHERE {matches}", given
            ).fetchall()
            emptied = ", ".join(f"{name} = NULL" for name in personal)
            connection.execute(f"UPDATE {stored} SET {emptied} WHERE {matches}", given)
        return sorted(day for (day,) in days)

    def compact(self) -> None:
        """Copy the database to a new file, which then contains no old versions of rows."""
        import duckdb

        fresh = self._path.with_suffix(".compact")
        fresh.unlink(missing_ok=True)
        for _ in range(READERS):  # wait for all queries: DuckDB cannot reopen a file in use
            self._places.acquire()
        self._connection.close()
        try:
            with self._translated(), duckdb.connect() as maintenance:
                maintenance.execute(f"ATTACH '{_text(self._path)}' AS old")
                maintenance.execute(f"ATTACH '{_text(fresh)}' AS fresh")
                maintenance.execute("COPY FROM DATABASE old TO fresh")
                maintenance.execute("DETACH fresh; DETACH old")
            fresh.chmod(0o600)
            fresh.replace(self._path)
        finally:
            fresh.unlink(missing_ok=True)
            self._connection = self._open()
            for _ in range(READERS):
                self._places.release()

    def close(self) -> None:
        """Close the file."""
        with suppress(Exception):  # a full disk: the next start replays the log
            self._connection.close()

    def _cursor(self) -> DuckDBPyConnection:
        return self._connection.cursor()

    @contextmanager
    def _reading(self, sql: str, limits: Limits) -> Iterator[DuckDBPyConnection]:
        """Yield a cursor in a read-only transaction that is stopped at the time limit."""
        import duckdb

        self._places.acquire()
        cursor = self._cursor()
        timer = threading.Timer(limits.seconds, cursor.interrupt)
        timer.daemon = True
        try:
            check_query(cursor, sql)
            timer.start()
            cursor.execute("BEGIN TRANSACTION READ ONLY")
            yield cursor
        except duckdb.InterruptException as error:
            raise stopped(f"{limits.seconds:g} s", "warehouse.timeout") from error
        except duckdb.OutOfMemoryException as error:
            raise stopped(f"{self._memory >> 20} MiB", "warehouse.memory") from error
        except duckdb.Error as error:
            raise QueryRefused(str(error).splitlines()[0]) from error
        finally:
            timer.cancel()
            cursor.close()
            self._places.release()

    @contextmanager
    def _transaction(self) -> Iterator[DuckDBPyConnection]:
        with self._translated():
            self._connection.execute("BEGIN")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                with suppress(Exception):  # a failed COMMIT has ended the transaction
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _part(self, file: Path) -> Iterator[None]:
        import duckdb

        try:
            yield
        except (duckdb.IOException, duckdb.InvalidInputException) as error:
            raise StateError(
                f"is not a complete Parquet file: {str(error).splitlines()[0]}",
                where=str(file),
                fix="restore it from a copy, or delete it",
            ) from error

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Translate DuckDB's errors; `_reading` translates errors of queries."""
        import duckdb

        try:
            yield
        except (duckdb.Error, OSError) as error:
            raise translate(error, self._path) from error


def stopped(allowed: str, setting: str) -> QueryStopped:
    """Return the error for a query that exceeded a limit."""
    return QueryStopped(
        f"the query needs more than {allowed}",
        fix=f"read fewer rows, e.g. by _time, or raise {setting}",
    )


def translate(error: Exception, path: Path) -> StateError | Unavailable:
    """Return the platform's error for an error of DuckDB or the file system."""
    text = str(error).splitlines()[0]
    if "lock on file" in text:
        return Unavailable("another process has the warehouse open", where=str(path), fix="retry")
    if "No space left" in text or "could not write all bytes" in text.lower():
        return StateError(
            "its disk is full, nothing was changed", where=str(path), fix="free disk space"
        )
    if "not a valid DuckDB" in text or "orrupt" in text or "checksum" in text.lower():
        return StateError(
            "is damaged",
            where=str(path),
            fix="move it away, then `neurova warehouse backfill` restores the archived rows",
        )
    return StateError(f"cannot be used: {text}", where=str(path), fix="check its disk and folder")


def _insert(
    connection: DuckDBPyConnection,
    table: str,
    names: Sequence[str],
    source: str,
    first: object,
    last: object,
) -> None:
    """Insert the rows whose ids are not stored yet. Rows with equal ids have equal times."""
    stored, quoted = plan.quote(STORED + table), ", ".join(map(plan.quote, names))
    connection.execute(
        f"INSERT INTO {stored} ({quoted}) SELECT {quoted} FROM {source} AS new "
        f"WHERE new._id NOT IN (SELECT _id FROM {stored} WHERE _time BETWEEN ? AND ?)",
        [first, last],
    )


def _all(table: Table) -> tuple[Column, ...]:
    return (*SYSTEM, BATCH, *table.columns)


def _text(path: Path) -> str:
    return str(path).replace("'", "''")


def _move(source: Path, target: Path) -> None:
    import shutil

    shutil.move(source, target)
