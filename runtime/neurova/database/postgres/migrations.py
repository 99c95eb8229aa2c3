"""What migrations need of a PostgreSQL database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from secrets import token_hex
from typing import TYPE_CHECKING, Any, TypeVar

from ...errors import NeurovaError, StateError, Unavailable
from . import errors as postgres_errors
from .url import PostgresUrl

if TYPE_CHECKING:
    from sqlalchemy import Connection

T = TypeVar("T")

CONNECT = 5.0  # seconds
LONG = 60.0
# Of the advisory lock that upgrades of one database hold; any number that nobody else takes.
LOCK = 0x6E76_6D69_6772
NAMED = "SELECT version_num FROM {}"


def standing(database: PostgresUrl, tables: Iterable[str], wait: float) -> dict[str, list[str]]:
    """Return the revisions that each of `tables` names. Raises StateError without a database."""

    async def look(connection: Any) -> dict[str, list[str]]:
        found = {}
        for table in tables:
            there = await connection.fetchval("SELECT to_regclass($1)::text", table)
            rows = await connection.fetch(NAMED.format(table)) if there else []
            found[table] = [str(row[0]) for row in rows]
        return found

    return _on_a_loop(_asked(database, look, wait))


def product(database: PostgresUrl) -> str:
    """Return PostgreSQL and the version of the server."""

    async def look(connection: Any) -> str:
        version: str = await connection.fetchval("SHOW server_version")
        return f"PostgreSQL {version.partition(' ')[0]}"

    return _on_a_loop(_asked(database, look, CONNECT))


def run(database: PostgresUrl, statement: str) -> None:
    """Run one statement outside of any transaction. Raises NeurovaError when it cannot be."""

    async def execute(connection: Any) -> None:
        await connection.execute(statement)

    try:
        _on_a_loop(_asked(database, execute, LONG))
    except Exception as error:
        raise translate(error, database) or error from None


def current(core: Connection, table: str) -> list[str]:
    """Return the revisions that a table of an open database names."""
    there = core.exec_driver_sql("SELECT to_regclass($1)::text", (table,)).scalar()
    return [str(row[0]) for row in core.exec_driver_sql(NAMED.format(table))] if there else []


def alone(database: PostgresUrl, work: Callable[[Connection], T], wait: float) -> T:
    """Do `work` in one transaction that no other upgrade is beside of; waits seconds for its turn.

    The same bound holds for each lock that a migration needs of a table in use.
    """

    def guarded(core: Connection) -> T:
        core.exec_driver_sql("BEGIN")
        core.exec_driver_sql(f"SET LOCAL lock_timeout = '{int(wait * 1000)}ms'")
        core.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
        done = work(core)
        core.exec_driver_sql("COMMIT")
        return done

    return _on_a_loop(_connected(database, guarded))


def aside(database: PostgresUrl, work: Callable[[Connection], T]) -> T:
    """Do `work` in an empty schema of the database that is gone afterwards."""

    def undone(core: Connection) -> T:
        schema = f"nv_revision_{token_hex(4)}"
        core.exec_driver_sql("BEGIN")
        core.exec_driver_sql(f"CREATE SCHEMA {schema}")
        core.exec_driver_sql(f"SET LOCAL search_path = {schema}")
        try:
            return work(core)
        finally:
            core.exec_driver_sql("ROLLBACK")

    return _on_a_loop(_connected(database, undone))


def broken(core: Connection) -> str:
    """Return which reference between rows does not hold: PostgreSQL has looked by itself."""
    return ""


def translate(error: BaseException, database: PostgresUrl) -> NeurovaError | None:
    """Return what `error` means for a person, None where it is a migration's own fault."""
    if postgres_errors.state_of(error) == "55P03":
        return Unavailable(
            f"{database} is being upgraded by another process, or a table is in use for long: "
            "wait for it, or see who holds the lock in pg_stat_activity"
        )
    found = postgres_errors.translate(error, database)
    if found is None and type(error).__module__.startswith("asyncpg"):  # a word of the URL
        return StateError(f"{database} cannot be used: {error}")
    return found


async def _asked(
    database: PostgresUrl, look: Callable[[Any], Coroutine[Any, Any, T]], wait: float
) -> T:
    """Return what `look` finds by a connection of the driver's, within `wait` seconds."""
    import asyncpg

    async with asyncio.timeout(wait):
        connection = await asyncpg.connect(database.dsn, timeout=CONNECT)
        try:
            return await look(connection)
        finally:
            await connection.close()


async def _connected(database: PostgresUrl, work: Callable[[Connection], T]) -> T:
    """Do `work` on one connection, which begins nothing itself."""
    from .connection import engine

    core = engine(database, "neurova db")
    try:
        async with core.connect() as connection:

            def begun(inner: Connection) -> T:
                inner.begin()  # in name only: alembic then leaves beginning and ending to us
                return work(inner)

            return await connection.run_sync(begun)
    finally:
        await core.dispose()


def _on_a_loop(work: Coroutine[Any, Any, T]) -> T:
    """Return what a coroutine returns; this thread may have a running loop already."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()
