from __future__ import annotations

import asyncio
import threading

import pytest

from neurova.database.sqlite.threads import DatabaseThreads


def test_a_call_runs_on_a_thread_of_the_worker_and_its_result_comes_back() -> None:
    async def run() -> None:
        worker = DatabaseThreads("box", 1)
        name = await worker.run(lambda: threading.current_thread().name)
        assert name.startswith("box")
        worker.close()

    asyncio.run(run())


def test_an_error_comes_back_and_the_thread_lives_on() -> None:
    async def run() -> None:
        worker = DatabaseThreads("box", 1)
        with pytest.raises(ZeroDivisionError):
            await worker.run(lambda: 1 / 0)
        with pytest.raises(SystemExit):
            await worker.run(exit)
        assert await worker.run(len, "abc") == 3
        worker.close()

    asyncio.run(run())


def test_closing_finishes_what_was_asked_for_and_ends_the_threads() -> None:
    async def run() -> None:
        worker, before = DatabaseThreads("box", 2), threading.active_count()
        done: list[int] = []
        for number in range(50):
            worker.run(done.append, number)
        worker.close()
        assert sorted(done) == list(range(50))
        assert threading.active_count() == before

    asyncio.run(run())


def test_a_cancelled_future_lets_the_call_end() -> None:
    async def run() -> None:
        worker, release, done = DatabaseThreads("box", 1), threading.Event(), threading.Event()
        future = worker.run(lambda: (release.wait(), done.set()))
        future.cancel()
        release.set()
        assert await worker.run(len, "ab") == 2
        assert done.is_set()
        worker.close()

    asyncio.run(run())


def test_a_call_that_outlives_its_loop_disturbs_nobody() -> None:
    worker, release, done = DatabaseThreads("box", 1), threading.Event(), threading.Event()

    async def run() -> None:
        worker.run(lambda: (release.wait(), done.set()))

    asyncio.run(run())
    release.set()
    assert done.wait(10)
    worker.close()
