"""The backends that the contract of a service's database is run on, and what its tests write."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Integer, MetaData, String, Table, create_engine, func, select

from neurova.database.base import Database, Transaction
from neurova.database.sqlite import SqliteDatabase

metadata = MetaData()
rooms = Table("rooms", metadata, Column("name", String, primary_key=True), Column("free", Integer))
sales = Table("sales", metadata, Column("id", Integer, primary_key=True), Column("buyer", String))

Open = Callable[[], Database]


def on_sqlite(folder: Path) -> Open:
    path = folder / "contract.db"
    metadata.create_all(create_engine(f"sqlite:///{path}"))
    return lambda: SqliteDatabase(path)


BACKENDS = {"sqlite": on_sqlite}


def begin(database: Database, *, readonly: bool = False, seconds: float = 20) -> Transaction:
    deadline = asyncio.get_running_loop().time() + seconds
    return database.transaction(readonly=readonly, deadline=deadline)


async def write(database: Database, *statements: Any) -> None:
    tx = begin(database)
    for statement in statements:
        await tx.execute(statement)
    await tx.commit()


async def count(database: Database) -> int:
    tx = begin(database, readonly=True)
    found = (await tx.execute(select(func.count()).select_from(sales))).scalar_one()
    await tx.rollback()
    return int(found)


def sale(number: int, buyer: str = "ada") -> Any:
    return sales.insert().values(id=number, buyer=buyer)
