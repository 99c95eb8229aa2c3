"""A function on a database of its own, called with Idempotency-Keys."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from pathlib import Path
from textwrap import indent
from typing import Any

from sqlalchemy import text

from neurova.database.postgres.database import PostgresDatabase
from neurova.database.postgres.url import PostgresUrl
from neurova.database.sqlite.database import SqliteDatabase
from neurova.endpoints.function import DirectFunction, HttpFunction
from neurova.http.call import Call
from neurova.http.caller import Caller
from neurova.http.reply import Reply
from neurova.idempotency.rules import REPLAYED

HEAD = """
import asyncio, threading
from sqlalchemy import text
from neurova import *
ran = []
go = asyncio.Event()
release = threading.Event()
add = text("INSERT INTO notes VALUES (:n)")
"""
ADA = Caller("ada")


class Shop:
    """One function on a database with the table `notes`, called with keys."""

    def __init__(self, house: Any, place: Path | PostgresUrl) -> None:
        self.now = 1_000_000.0
        self.house = house
        self.database = (
            SqliteDatabase(place, lambda: self.now)
            if isinstance(place, Path)
            else PostgresDatabase(place, clock=lambda: self.now)
        )
        house.ledger = self.database
        self.function: HttpFunction = None  # type: ignore[assignment]

    def serve(self, body: str, signature: str = "n: int, tx: Tx", options: str = "") -> Shop:
        """Make the function; `body` runs after it is noted in `ran`."""
        kind = "" if options.startswith("def") else "async "
        options = options.removeprefix("def")
        source = f'{HEAD}\n@post("/x", status=201{options})\n{kind}def f({signature}) -> object:\n'
        source += "    ran.append(1)\n" + indent(body, "    ")
        self.function = self.house.function(source)
        return self

    def call(
        self, key: str | None = "k", n: int = 1, caller: Caller | None = ADA, method: str = "POST"
    ) -> Call:
        headers = {} if key is None else {"idempotency-key": key}
        call: Call = self.house.call(method=method, query=f"n={n}", headers=headers)
        call.caller = caller
        return call

    async def ask(self, *arguments: Any, **named: Any) -> Reply:
        reply: Reply = await self.house.reply(self.function, self.call(*arguments, **named))
        return reply

    @property
    def state(self) -> dict[str, Any]:
        return inspect.unwrap(self.function.handler).__globals__

    @property
    def ran(self) -> int:
        return len(self.state["ran"])

    async def notes(self) -> list[int]:
        tx = self.database.transaction(
            readonly=True, deadline=asyncio.get_running_loop().time() + 9
        )
        found = (await tx.execute(text("SELECT n FROM notes ORDER BY n"))).scalars().all()
        await tx.rollback()
        return list(found)

    async def write(self, *statements: str) -> None:
        tx = self.database.transaction(
            readonly=False, deadline=asyncio.get_running_loop().time() + 9
        )
        for statement in statements:
            await tx.execute(text(statement))
        await tx.commit()

    def run(self, test: Callable[[], Awaitable[None]]) -> None:
        async def whole() -> None:
            await self.write("DROP TABLE IF EXISTS notes", "CREATE TABLE notes (n INTEGER)")
            if isinstance(self.database, PostgresDatabase):  # another shop's before
                await self.write("DELETE FROM nv_idempotency")
            await test()
            await until(lambda: self.concurrency.running == len(self.claims) == 0)
            await self.database.close()

        asyncio.run(whole())

    @property
    def concurrency(self) -> Any:
        function = self.function
        return (function.keyed if isinstance(function, DirectFunction) else function).concurrency  # type: ignore[union-attr]

    @property
    def claims(self) -> Any:
        return self.database._idempotency.local_locks


async def until(holds: Callable[[], bool]) -> None:
    while not holds():
        await asyncio.sleep(0)


WRITE = "await tx.execute(add, {'n': n})\n"
KINDS = {
    "with a Tx": ("n: int, tx: Tx", "", "await asyncio.sleep(0)\n" + WRITE),
    "waiting": ("n: int", "", "await asyncio.sleep(0)\n"),
    "direct": ("n: int", "", ""),
    "in a thread": ("n: int", "def", ""),
}
"""Signature, options and first lines of each kind of function."""


def replayed(reply: Reply) -> bool:
    return REPLAYED in reply.fields
