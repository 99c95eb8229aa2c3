"""Doubles of the ports: an in-memory database, and the client of a streamed body."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from neurova.database.base import Conflict
from neurova.database.publisher import EventPublisher


class FakeDatabase:
    """Store the statements of committed transactions in `rows`."""

    def __init__(self) -> None:
        self.rows: list[Any] = []
        self.events: list[str] = []
        self.opened: list[tuple[bool, float]] = []
        self.on_commit: Callable[[], Awaitable[None]] | None = None
        self.error: Exception | None = None  # raised by each statement
        self.margin = 0.05  # seconds before the deadline in which it does not retry
        self.conflicts = 0  # number of upcoming attempts that fail with a conflict

    def transaction(self, *, readonly: bool, deadline: float) -> FakeTransaction:
        self.opened.append((readonly, deadline))
        return FakeTransaction(self, deadline, 0)

    async def close(self) -> None:
        pass


class FakeTransaction(EventPublisher):
    def __init__(self, database: FakeDatabase, deadline: float, attempt: int) -> None:
        super().__init__()
        self.database = database
        self.deadline = deadline
        self.attempt = attempt
        self.rows: list[Any] = []
        self.conflict: Conflict | None = None

    def _check_open(self) -> None:
        pass

    def extend(self, deadline: float) -> None:
        self.deadline = deadline

    def next_attempt(self) -> Any:
        return FakeTransaction(self.database, self.deadline, self.attempt + 1)

    async def execute(self, statement: Any, parameters: Any = None) -> Any:
        await asyncio.sleep(0)
        if self.database.conflicts:
            self.database.conflicts -= 1
            deadline = self.deadline - self.database.margin
            self.conflict = Conflict("serialization", self.next_attempt, self.attempt, deadline)
        if self.conflict is not None:
            raise self.conflict
        if self.database.error is not None:
            raise self.database.error
        self.rows.append(statement)

    async def commit(self) -> None:
        if self.conflict is not None:
            raise self.conflict
        if self.database.on_commit is not None:
            await self.database.on_commit()
        self.database.rows += self.rows
        self.database.events.append("commit")

    async def rollback(self) -> None:
        await asyncio.sleep(0)
        self.rows.clear()
        self.database.events.append("rollback")


class BodyRecorder:
    """Record a streamed body; the client reads only while `reads` is set."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.end_status: int | None = None
        self.reads = asyncio.Event()
        self.reads.set()

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    async def send(self, data: bytes) -> None:
        if self.end_status is not None:
            raise ConnectionResetError
        self.pieces.append(data)
        await self.reads.wait()

    def end(self, status: int = 0) -> None:
        if self.end_status is None:
            self.end_status = status
