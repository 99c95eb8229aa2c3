"""A function on a real database, to call with Idempotency-Keys."""

from __future__ import annotations

import asyncio
from pathlib import Path
from textwrap import dedent, indent
from types import ModuleType
from typing import Any

from sqlalchemy import text
from tests.runtime.project import Project, module_of, until

from neurova.database.postgres.database import PostgresDatabase
from neurova.database.postgres.url import PostgresUrl
from neurova.database.sqlite.database import SqliteDatabase
from neurova.http.call import Call
from neurova.http.caller import Caller
from neurova.http.reply import Reply
from neurova.idempotency.rules import REPLAYED

SOURCE = """
from sqlalchemy import text
runs = []
proceed = asyncio.Event()
insert = text("INSERT INTO notes VALUES (:n)")


@post("/x", status=201{options})
{kind} f({signature}) -> object:
    runs.append(1)
"""
WRITE = "await tx.execute(insert, {'n': n})\n"
ADA = Caller("ada")


class KeyedFunction:
    """A POST function on a database with the table `notes`."""

    def __init__(self, project: Project, place: Path | PostgresUrl) -> None:
        self.now = 1_000_000.0
        self.project = project
        self.database: Any = (
            SqliteDatabase(place, lambda: self.now)
            if isinstance(place, Path)
            else PostgresDatabase(place, clock=lambda: self.now)
        )
        project.database = self.database
        self.function: Any = None

    def define(
        self,
        body: str,
        signature: str = "n: int, tx: Tx",
        options: str = "",
        kind: str = "async def",
    ) -> None:
        """Define the function; it appends the run to `runs`, then executes `body`."""
        head = SOURCE.format(options=options, kind=kind, signature=signature)
        self.function = self.project.define(head + indent(dedent(body), "    "))

    def call(
        self, key: str | None = "k", n: int = 1, caller: Caller | None = ADA, method: str = "POST"
    ) -> Call:
        headers = {} if key is None else {"idempotency-key": key}
        call = self.project.call(method=method, query=f"n={n}", headers=headers)
        call.caller = caller
        return call

    async def reply(self, *arguments: Any, **named: Any) -> Reply:
        return await self.project.reply(self.function, self.call(*arguments, **named))

    @property
    def module(self) -> ModuleType:
        return module_of(self.function)

    @property
    def runs(self) -> int:
        return len(self.module.runs)

    async def notes(self) -> list[int]:
        tx = self.database.transaction(readonly=True, deadline=_soon())
        rows = (await tx.execute(text("SELECT n FROM notes ORDER BY n"))).scalars().all()
        await tx.rollback()
        return list(rows)

    async def write(self, *statements: str) -> None:
        tx = self.database.transaction(readonly=False, deadline=_soon())
        for statement in statements:
            await tx.execute(text(statement))
        await tx.commit()

    async def create_tables(self) -> None:
        await self.write("DROP TABLE IF EXISTS notes", "CREATE TABLE notes (n INTEGER)")
        if isinstance(self.database, PostgresDatabase):  # delete rows of earlier tests
            await self.write("DELETE FROM nv_idempotency")

    async def close(self) -> None:
        """Wait until no call runs and no key is locked, then close the database."""
        if self.function is not None:
            endpoint = getattr(self.function, "keyed", None) or self.function
            await until(lambda: endpoint.concurrency.running == len(self.locked_keys) == 0)
        await self.database.close()

    @property
    def locked_keys(self) -> Any:
        return self.database._idempotency.local_locks


def _soon() -> float:
    return asyncio.get_running_loop().time() + 9


KINDS = {
    "with a Tx": ("n: int, tx: Tx", "async def", "await asyncio.sleep(0)\n" + WRITE),
    "waiting": ("n: int", "async def", "await asyncio.sleep(0)\n"),
    "direct": ("n: int", "async def", ""),
    "in a thread": ("n: int", "def", ""),
}
"""Signature, keyword and first lines of each kind of function."""


def is_replayed(reply: Reply) -> bool:
    return REPLAYED in reply.fields
