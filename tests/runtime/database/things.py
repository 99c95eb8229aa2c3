"""A table of things on PostgreSQL, and ways to meet it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
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


def run(
    url: str, test: Callable[[PostgresDatabase], Awaitable[None]], connections: int = 8
) -> None:
    async def opened() -> None:
        database = PostgresDatabase(PostgresUrl(url), connections)
        try:
            await test(database)
        finally:
            await database.close()

    asyncio.run(opened())


def on_a_wire(
    url: str, test: Callable[[PostgresDatabase, Wire], Awaitable[None]], connections: int = 8
) -> None:
    async def opened() -> None:
        async with Wire(url) as wire:
            database = PostgresDatabase(PostgresUrl(wire.url), connections)
            try:
                await test(database, wire)
            finally:
                wire.release()
                await database.close()

    asyncio.run(opened())


async def names(database: PostgresDatabase) -> list[str]:
    tx = begin(database, readonly=True)
    try:
        found = (await tx.execute(select(things.c.name).order_by(things.c.id))).scalars().all()
        await tx.commit()
    finally:
        await tx.rollback()
    return list(found)
