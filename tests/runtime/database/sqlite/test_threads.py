"""The threads of long database calls."""

from __future__ import annotations

import asyncio
import threading

import pytest

from neurova.database.sqlite.threads import DatabaseThreads


async def test_thread_survives_an_error() -> None:
    threads = DatabaseThreads("box", 1)
    with pytest.raises(ZeroDivisionError):
        await threads.run(lambda: 1 / 0)
    with pytest.raises(SystemExit):
        await threads.run(exit)
    assert await threads.run(len, "abc") == 3
    threads.close()


async def test_close_finishes_calls_and_ends_threads() -> None:
    threads, before = DatabaseThreads("box", 2), threading.active_count()
    done: list[int] = []
    for number in range(50):
        threads.run(done.append, number)
    threads.close()
    assert sorted(done) == list(range(50))
    assert threading.active_count() == before


def test_call_may_outlive_its_loop() -> None:
    threads, release, done = DatabaseThreads("box", 1), threading.Event(), threading.Event()

    async def start() -> None:
        threads.run(lambda: (release.wait(), done.set()))

    asyncio.run(start())
    release.set()
    assert done.wait(10)
    threads.close()
