"""The backends of the database contract, and the tables of its tests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, create_engine, func, select
from sqlalchemy.dialects.postgresql import dialect
from sqlalchemy.schema import CreateTable
from tests.servers.postgres import PostgresServer

from neurova.database.base import Database, Transaction
from neurova.database.postgres.database import PostgresDatabase
from neurova.database.postgres.url import PostgresUrl
from neurova.database.sqlite.database import SqliteDatabase

metadata = MetaData()
rooms = Table("rooms", metadata, Column("name", String, primary_key=True), Column("free", Integer))
sales = Table("sales", metadata, Column("id", Integer, primary_key=True), Column("buyer", String))

T = TypeVar("T")
Open = Callable[[], Database]
Pair = tuple[Database, Database]


def on_sqlite(request: pytest.FixtureRequest) -> Open:
    path: Path = request.getfixturevalue("tmp_path") / "contract.db"
    metadata.create_all(create_engine(f"sqlite:///{path}"))
    return lambda: SqliteDatabase(path)


def on_postgres(request: pytest.FixtureRequest) -> Open:
    server: PostgresServer = request.getfixturevalue("postgres")
    url = server.create()
    for statement in metadata_sql():
        server.run(statement, url)
    return lambda: PostgresDatabase(PostgresUrl(url))


def metadata_sql() -> list[str]:
    """Return the statements that create the tables on PostgreSQL."""
    return [str(CreateTable(table).compile(dialect=dialect())) for table in (rooms, sales)]


BACKENDS = {"sqlite": on_sqlite, "postgres": on_postgres}
PARAMETERS = [
    pytest.param("sqlite"),
    pytest.param("postgres", marks=pytest.mark.server),
]


def begin(database: Database, *, readonly: bool = False, seconds: float = 20) -> Transaction:
    deadline = asyncio.get_running_loop().time() + seconds
    return database.transaction(readonly=readonly, deadline=deadline)


async def transact(database: Database, work: Callable[[Transaction], Awaitable[T]]) -> T:
    """Run `work` and commit, and retry after a conflict, as the platform does."""
    tx = begin(database)
    while True:
        try:
            done = await work(tx)
            await tx.commit()
            return done
        except BaseException:
            await tx.rollback()
            if tx.conflict is None:
                raise
        tx = await tx.conflict.retry()


async def write(database: Database, *statements: Any) -> None:
    async def work(tx: Transaction) -> None:
        for statement in statements:
            await tx.execute(statement)

    await transact(database, work)


async def count(database: Database) -> int:
    tx = begin(database, readonly=True)
    found = (await tx.execute(select(func.count()).select_from(sales))).scalar_one()
    await tx.rollback()
    return int(found)


def sale(number: int, buyer: str = "ada") -> Any:
    return sales.insert().values(id=number, buyer=buyer)
