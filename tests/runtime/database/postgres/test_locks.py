"""Advisory locks among processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import pytest
from tests.servers.postgres import PostgresServer
from tests.servers.wire import Wire

from neurova.database.postgres import locks as postgres_locks
from neurova.database.postgres.circuit_breaker import CircuitBreaker
from neurova.database.postgres.connection import PostgresConnection, create_postgres_engine
from neurova.database.postgres.locks import PostgresLocks
from neurova.database.postgres.url import PostgresUrl
from neurova.errors import Unavailable

Processes = tuple["Process", "Process"]

pytestmark = pytest.mark.server

NAME, OTHER = b"\x00" * 8, b"\xff" * 32
TERMINATE = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"


def deadline(seconds: float = 20) -> float:
    return asyncio.get_running_loop().time() + seconds


class Process(PostgresLocks):
    """The locks of one process."""

    def __init__(self, url: str) -> None:
        location = PostgresUrl(url)
        engine = create_postgres_engine(location)
        self.tasks: set[asyncio.Task[None]] = set()
        connection = PostgresConnection(engine, location, CircuitBreaker())
        super().__init__(connection, self._run_task)

    def _run_task(self, work: Coroutine[Any, Any, None]) -> None:
        self.tasks.add(asyncio.get_running_loop().create_task(work))

    async def close(self) -> None:
        if self.tasks:
            await asyncio.wait(self.tasks)
        await super().close()


@pytest.fixture
async def processes(url: str) -> AsyncIterator[tuple[Process, Process]]:
    first, second = Process(url), Process(url)
    yield first, second
    await first.close()
    await second.close()


async def lock_and_unlock(locks: PostgresLocks, name: bytes) -> None:
    await locks.lock(name, deadline())
    await locks.unlock(name)


async def test_ended_session_holds_no_lock(
    processes: Processes, url: str, postgres: PostgresServer
) -> None:
    first, second = processes
    await first.lock(NAME, deadline())
    await asyncio.to_thread(postgres.run, TERMINATE, url)
    await lock_and_unlock(second, NAME)
    await first.unlock(NAME)  # no error: it holds nothing any more
    await lock_and_unlock(first, NAME)


@pytest.mark.parametrize("iterations", range(6))
async def test_cancelled_waiter_holds_no_lock(processes: Processes, iterations: int) -> None:
    first, second = processes
    await lock_and_unlock(first, OTHER)
    waiting = asyncio.create_task(first.lock(NAME, deadline()))
    for _ in range(iterations):
        await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    if not waiting.cancelled():
        await first.unlock(NAME)
    await lock_and_unlock(second, NAME)


async def test_silent_server_is_unavailable_and_used_again(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Wire(url) as wire:
        locks = Process(wire.url)
        await lock_and_unlock(locks, NAME)
        monkeypatch.setattr(postgres_locks, "STATEMENT_TIMEOUT", 0.2)
        wire.hold()
        with pytest.raises(Unavailable):
            await locks.lock(NAME, deadline(0.1))
        with pytest.raises(Unavailable):
            await locks.fetch(deadline(), "SELECT 1")
        wire.release()
        monkeypatch.undo()
        async with asyncio.timeout(20):
            while True:
                try:
                    assert await locks.fetch(deadline(), "SELECT 1") == [(1,)]
                    break
                except Unavailable:
                    await asyncio.sleep(0.01)
        await lock_and_unlock(locks, NAME)
        await locks.close()
