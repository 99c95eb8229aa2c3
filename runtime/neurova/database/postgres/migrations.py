"""Run migrations on a PostgreSQL database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from secrets import token_hex
from typing import TYPE_CHECKING, Any, TypeVar

from ...errors import NeurovaError, StateError, Unavailable
from . import errors
from .url import PostgresUrl

if TYPE_CHECKING:
    from sqlalchemy import Connection

T = TypeVar("T")

CONNECT_TIMEOUT = 5.0  # seconds
STATEMENT_TIMEOUT = 60.0
UPGRADE_LOCK = 0x6E76_6D69_6772  # the advisory lock held during an upgrade
LOCK_NOT_AVAILABLE = "55P03"  # SQLSTATE
_SELECT_VERSION = "SELECT version_num FROM {}"
_TABLE_EXISTS = "SELECT to_regclass($1)::text"


class PostgresMigrations:
    """Implement `MigrationBackend` for one database on a PostgreSQL server."""

    def __init__(self, url: PostgresUrl) -> None:
        self._url = url

    def __str__(self) -> str:
        return str(self._url)

    def read_revisions(self, tables: Iterable[str], timeout: float) -> dict[str, list[str]]:
        """Return the revisions in each version table."""

        async def read(connection: Any) -> dict[str, list[str]]:
            found = {}
            for table in tables:
                exists = await connection.fetchval(_TABLE_EXISTS, table)
                rows = await connection.fetch(_SELECT_VERSION.format(table)) if exists else []
                found[table] = [str(row[0]) for row in rows]
            return found

        return _run_on_loop(_with_driver(self._url, read, timeout))

    def read_version(self) -> str:
        """Return the product and version, like "PostgreSQL 15.4"."""

        async def read(connection: Any) -> str:
            version: str = await connection.fetchval("SHOW server_version")
            return f"PostgreSQL {version.partition(' ')[0]}"

        return _run_on_loop(_with_driver(self._url, read, CONNECT_TIMEOUT))

    def current_revisions(self, connection: Connection, table: str) -> list[str]:
        """Return the revisions in a version table, over an open connection."""
        if not connection.exec_driver_sql(_TABLE_EXISTS, (table,)).scalar():
            return []
        rows = connection.exec_driver_sql(_SELECT_VERSION.format(table))
        return [str(row[0]) for row in rows]

    def run_reading(self, work: Callable[[Connection], T], timeout: float) -> T:
        """Run `work`, which must only read."""

        async def run() -> T:
            async with asyncio.timeout(timeout):
                return await _with_connection(self._url, work)

        return _run_on_loop(run())

    def run_exclusively(self, work: Callable[[Connection], T], timeout: float) -> T:
        """Run `work` in one transaction under an advisory lock.

        `timeout` also bounds the wait for each table lock of a migration.
        """

        def run(connection: Connection) -> T:
            connection.exec_driver_sql("BEGIN")
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{int(timeout * 1000)}ms'")
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({UPGRADE_LOCK})")
            result = work(connection)
            connection.exec_driver_sql("COMMIT")
            return result

        return _run_on_loop(_with_connection(self._url, run))

    def run_on_empty(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a new schema, then roll back."""

        def run(connection: Connection) -> T:
            schema = f"nv_revision_{token_hex(4)}"
            connection.exec_driver_sql("BEGIN")
            connection.exec_driver_sql(f"CREATE SCHEMA {schema}")
            connection.exec_driver_sql(f"SET LOCAL search_path = {schema}")
            try:
                return work(connection)
            finally:
                connection.exec_driver_sql("ROLLBACK")

        return _run_on_loop(_with_connection(self._url, run))

    def find_broken_reference(self, connection: Connection) -> str:
        """Return "": PostgreSQL checks foreign keys itself."""
        return ""

    def translate(self, error: BaseException) -> NeurovaError | None:
        """Translate to a NeurovaError; return None for an error in the migration itself."""
        if errors.sqlstate(error) == LOCK_NOT_AVAILABLE:
            return Unavailable(
                "another process upgrades the database, or a table was in use until the timeout",
                where=str(self),
                fix="wait, or find the session that holds the lock in pg_stat_activity",
            )
        translated = errors.translate(error, self._url)
        if translated is None and type(error).__module__.startswith("asyncpg"):
            # asyncpg refused an option of the URL.
            return StateError(f"cannot be used: {error}", where=str(self), fix="correct the URL")
        return translated


def execute(database: PostgresUrl, statement: str) -> None:
    """Run one statement outside any transaction. Raises NeurovaError if it fails."""

    async def run(connection: Any) -> None:
        await connection.execute(statement)

    try:
        _run_on_loop(_with_driver(database, run, STATEMENT_TIMEOUT))
    except Exception as error:
        raise PostgresMigrations(database).translate(error) or error from None


async def _with_driver(
    database: PostgresUrl, use: Callable[[Any], Coroutine[Any, Any, T]], seconds: float
) -> T:
    """Call `use` with an asyncpg connection. Raises TimeoutError after `seconds`."""
    from .connecting import connect

    async with asyncio.timeout(seconds):
        connection = await connect(database)
        try:
            return await use(connection)
        finally:
            await connection.close()


async def _with_connection(database: PostgresUrl, work: Callable[[Connection], T]) -> T:
    """Return the result of `work` with a connection that does not begin transactions itself."""
    from sqlalchemy.util import greenlet_spawn

    from .connection import create_postgres_engine

    engine = create_postgres_engine(database, "neurova db")

    def run() -> T:
        with engine.connect() as connection:
            # With AUTOCOMMIT this sends no BEGIN, but stops alembic from beginning a transaction.
            connection.begin()
            return work(connection)

    return await greenlet_spawn(run)


def _run_on_loop(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in a new thread, because this thread may have a running event loop."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()
