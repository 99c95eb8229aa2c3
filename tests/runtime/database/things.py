"""The table `things` on PostgreSQL, and functions that open its database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import Column, Integer, MetaData, String, Table, func, select, update
from tests.servers.wire import Wire

from neurova.database.postgres.database import PostgresDatabase
from neurova.database.postgres.url import PostgresUrl

things = Table(
    "things", MetaData(), Column("id", Integer, primary_key=True), Column("name", String)
)
MAKE = "CREATE TABLE things (id int PRIMARY KEY, name varchar)"
FILL = "INSERT INTO things VALUES (1, 'a'), (2, 'b')"
total = select(func.count()).select_from(things)


def begin(database: PostgresDatabase, *, readonly: bool = False, seconds: float = 20) -> Any:
    deadline = asyncio.get_running_loop().time() + seconds
    return database.transaction(readonly=readonly, deadline=deadline)


def renamed(number: int, name: str) -> Any:
    return update(things).where(things.c.id == number).values(name=name)


@asynccontextmanager
async def open_postgres(
    url: str, connections: int = 8, name: str = "neurova"
) -> AsyncIterator[PostgresDatabase]:
    """Open a database, and close it when the block ends."""
    database = PostgresDatabase(PostgresUrl(url), connections, name)
    try:
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def open_over_wire(
    url: str, connections: int = 8
) -> AsyncIterator[tuple[PostgresDatabase, Wire]]:
    """Open a database whose connections go through a `Wire`."""
    async with Wire(url) as wire, open_postgres(wire.url, connections) as database:
        try:
            yield database, wire
        finally:
            wire.release()


async def names(database: PostgresDatabase) -> list[str]:
    tx = begin(database, readonly=True)
    try:
        found = (await tx.execute(select(things.c.name).order_by(things.c.id))).scalars().all()
        await tx.commit()
    finally:
        await tx.rollback()
    return list(found)
