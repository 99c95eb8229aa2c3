"""Names are locked among processes by one session, and free when it gives them back or ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest
from tests.servers.postgres import PostgresServer
from tests.servers.wire import Wire

from neurova.database.base import KeyLocked
from neurova.database.postgres import locks as postgres_locks
from neurova.database.postgres.circuit_breaker import CircuitBreaker
from neurova.database.postgres.connection import PostgresConnection, create_postgres_engine
from neurova.database.postgres.locks import PostgresLocks
from neurova.database.postgres.url import PostgresUrl
from neurova.errors import Unavailable

pytestmark = pytest.mark.server

NAME, OTHER = b"\x00" * 8, b"\xff" * 32
END = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"


def soon(seconds: float = 20) -> float:
    return asyncio.get_running_loop().time() + seconds


class Process(PostgresLocks):
    """Locks as another process has them."""

    def __init__(self, url: str) -> None:
        at = PostgresUrl(url)
        self.tasks: set[asyncio.Task[None]] = set()
        super().__init__(
            PostgresConnection(create_postgres_engine(at), at, CircuitBreaker()), self._go
        )

    def _go(self, work: Coroutine[Any, Any, None]) -> None:
        self.tasks.add(asyncio.get_running_loop().create_task(work))

    async def close(self) -> None:
        if self.tasks:
            await asyncio.wait(self.tasks)
        await super().close()


def run(url: str, test: Callable[[Process, Process], Awaitable[None]]) -> None:
    async def both() -> None:
        first, second = Process(url), Process(url)
        try:
            await test(first, second)
        finally:
            await first.close()
            await second.close()

    asyncio.run(both())


async def until_had(locks: PostgresLocks, name: bytes) -> None:
    await locks.lock(name, soon())
    await locks.unlock(name)


def test_a_name_is_one_processs_and_other_names_are_free(url: str) -> None:
    async def test(first: Process, second: Process) -> None:
        assert await first.try_lock(NAME, soon())
        assert not await second.try_lock(NAME, soon())
        assert await second.try_lock(OTHER, soon())
        await first.unlock(NAME)
        assert await second.try_lock(NAME, soon())

    run(url, test)


def test_who_waits_has_the_name_when_it_is_free_or_is_told_at_the_deadline(url: str) -> None:
    async def test(first: Process, second: Process) -> None:
        await first.lock(NAME, soon())
        with pytest.raises(KeyLocked):
            await second.lock(NAME, soon(0.2))
        waiting = asyncio.create_task(second.lock(NAME, soon()))
        await asyncio.sleep(0)
        await first.unlock(NAME)
        await waiting

    run(url, test)


def test_a_session_that_ends_has_no_name_and_the_next_question_opens_another(
    url: str, postgres: PostgresServer
) -> None:
    async def test(first: Process, second: Process) -> None:
        await first.lock(NAME, soon())
        await asyncio.to_thread(postgres.run, END, url)
        await until_had(second, NAME)
        await first.unlock(NAME)  # it has nothing to give back, and does not mind
        await until_had(first, NAME)

    run(url, test)


@pytest.mark.parametrize("turns", range(6))
def test_who_gives_up_whenever_has_no_name(url: str, turns: int) -> None:
    async def test(first: Process, second: Process) -> None:
        await until_had(first, OTHER)
        giving_up = asyncio.create_task(first.lock(NAME, soon()))
        for _ in range(turns):
            await asyncio.sleep(0)
        giving_up.cancel()
        await asyncio.wait([giving_up])
        if not giving_up.cancelled():
            await first.unlock(NAME)
        await until_had(second, NAME)

    run(url, test)


def test_a_server_that_does_not_answer_is_unavailable_in_time_and_used_again_later(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        async with Wire(url) as wire:
            locks = Process(wire.url)
            await until_had(locks, NAME)
            monkeypatch.setattr(postgres_locks, "STATEMENT_TIMEOUT", 0.2)
            wire.hold()
            with pytest.raises(Unavailable):
                await locks.lock(NAME, soon(0.1))
            with pytest.raises(Unavailable):
                await locks.fetch(soon(), "SELECT 1")
            wire.release()
            monkeypatch.undo()
            async with asyncio.timeout(20):
                while True:
                    try:
                        assert await locks.fetch(soon(), "SELECT 1") == [(1,)]
                        break
                    except Unavailable:
                        await asyncio.sleep(0.01)
            await until_had(locks, NAME)
            await locks.close()

    asyncio.run(test())
