"""A folder of services to write into, calls to make, and a store that notes what is asked of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from tests.runtime.shop import Shop
from tests.servers.postgres import PostgresServer

from neurova.database.base import Conflict
from neurova.database.migrations import upgrade_platform
from neurova.database.postgres.url import PostgresUrl
from neurova.endpoints.function import HttpFunction
from neurova.execution.context import ExecutionContext
from neurova.functions.loader import load_service
from neurova.functions.service import Service
from neurova.http.call import Call
from neurova.http.reply import Reply
from neurova.resources import Resources
from neurova.streaming.response_stream import StreamReply


class Ledger:
    """A database of one list: a transaction's entries are in it once it has committed."""

    def __init__(self) -> None:
        self.entries: list[Any] = []
        self.events: list[str] = []
        self.opened: list[tuple[bool, float]] = []
        self.committing: Callable[[], Awaitable[None]] | None = None
        self.fails: Exception | None = None
        self.spare = 0.05  # seconds before the deadline after which nothing is run again
        self.conflicts = 0  # how many of the next attempts shall fail, and have to be run again

    def transaction(self, *, readonly: bool, deadline: float) -> Page:
        self.opened.append((readonly, deadline))
        return Page(self, deadline, 0)

    async def close(self) -> None:
        pass


class Page:
    def __init__(self, ledger: Ledger, deadline: float, attempt: int) -> None:
        self.ledger = ledger
        self.deadline = deadline
        self.attempt = attempt
        self.written: list[Any] = []
        self.conflict: Conflict | None = None

    def again(self) -> Any:
        return Page(self.ledger, self.deadline, self.attempt + 1)

    async def execute(self, statement: Any, parameters: Any = None) -> Any:
        await asyncio.sleep(0)
        if self.ledger.conflicts:
            self.ledger.conflicts -= 1
            until = self.deadline - self.ledger.spare
            self.conflict = Conflict("it clashed", self.again, self.attempt, until)
        if self.conflict is not None:
            raise self.conflict
        if self.ledger.fails is not None:
            raise self.ledger.fails
        self.written.append(statement)

    async def commit(self) -> None:
        if self.conflict is not None:
            raise self.conflict
        if self.ledger.committing is not None:
            await self.ledger.committing()
        self.ledger.entries += self.written
        self.ledger.events.append("commit")

    async def rollback(self) -> None:
        await asyncio.sleep(0)
        self.written.clear()
        self.ledger.events.append("rollback")


class House:
    """A functions/ folder of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.ledger = Ledger()
        self.execution = ExecutionContext()

    def write(self, service: str, **files: str) -> Path:
        folder = self.root / service
        folder.mkdir(parents=True, exist_ok=True)
        for name, source in files.items():
            (folder / f"{name}.py").write_text(dedent(source))
        return folder

    def load(self, service: str) -> Service:
        return load_service(
            self.root, service, Resources(database=lambda: self.ledger), self.execution
        )  # type: ignore[arg-type,return-value]

    def function(self, source: str, **others: str) -> HttpFunction:
        """Return the one function of a service that is made of `source`."""
        self.write("shop", only=source, **others)
        (function,) = self.load("shop").functions
        return function

    def call(
        self,
        body: object = None,
        *,
        method: str = "",
        query: str = "",
        headers: dict[str, str] | None = None,
        **params: str,
    ) -> Call:
        """Return a call; a body that is not bytes is sent as JSON."""
        raw = (
            b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        )
        fields = [(b"host", b"localhost")]
        named = {"content-type": "application/json"} if raw else {}
        named |= headers or {}
        fields += [(name.encode(), text.encode("latin-1")) for name, text in named.items() if text]
        call = Call(method or ("POST" if raw else "GET"), b"/x", query.encode(), fields, "", raw)
        call.params = params
        return call

    def ask(self, function: HttpFunction, call: Call | None = None) -> Reply:
        """Return the reply to one call, on a loop of its own."""

        async def asked() -> Reply:
            return await self.reply(function, call)

        return asyncio.run(asked())

    async def reply(self, function: HttpFunction, call: Call | None = None) -> Reply:
        answer = function.invoke(call or self.call())
        return answer if isinstance(answer, Reply) else await answer

    async def streamed(self, function: HttpFunction, call: Call | None = None) -> tuple[Any, Basin]:
        """Return a streamed reply and all that came of it."""
        reply, basin = await self.reply(function, call), Basin()
        assert isinstance(reply, StreamReply), reply.body
        reply.start(basin)
        await asyncio.wait((reply.task,))
        return reply, basin

    def body(self, function: HttpFunction, call: Call | None = None) -> bytes:
        """Return the whole body of a streamed reply, on a loop of its own."""

        async def asked() -> bytes:
            _, basin = await self.streamed(function, call)
            assert basin.ended == 0
            return b"".join(basin.pieces)

        return asyncio.run(asked())

    def faults(self, reply: Reply) -> set[tuple[str, str]]:
        """Return where a problem's faults are: (in, pointer)."""
        return {(fault["in"], fault["pointer"]) for fault in json.loads(reply.body)["errors"]}


class Basin:
    """A sink whose client takes pieces only while it is `open`."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.ended: int | None = None
        self.open = asyncio.Event()
        self.open.set()

    async def send(self, data: bytes) -> None:
        if self.ended is not None:
            raise ConnectionResetError
        self.pieces.append(data)
        await self.open.wait()

    def end(self, status: int = 0) -> None:
        if self.ended is None:
            self.ended = status


@pytest.fixture
def basin() -> Callable[[], Basin]:
    return Basin


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "functions")


@pytest.fixture
def file_shop(house: House, tmp_path: Path) -> Shop:
    """A shop on SQLite."""
    return Shop(house, tmp_path / "x.db")


@pytest.fixture(scope="session")
def shops_url(postgres: PostgresServer) -> PostgresUrl:
    """A database for one shop after another."""
    url = PostgresUrl(postgres.create())
    upgrade_platform(url)
    return url


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.server)])
def shop(request: pytest.FixtureRequest, house: House) -> Shop:
    """A shop on each database."""
    if request.param == "postgres":
        return Shop(house, request.getfixturevalue("shops_url"))
    found: Shop = request.getfixturevalue("file_shop")
    return found
