"""Plain functions run in a bounded number of threads, with the context of their call."""

import asyncio
import contextvars
import threading

import pytest

from neurova.threads import Full, Threads

NAME = contextvars.ContextVar("name", default="")


def test_a_result_and_an_exception_both_come_back() -> None:
    def fail() -> None:
        raise SystemExit(3)

    async def both() -> None:
        pool = Threads()
        assert await pool.run(max, [1, 2]) == (2, None)
        result, error = await pool.run(fail, [])
        assert result is None
        assert isinstance(error, SystemExit)
        assert await pool.run(max, [3, 2]) == (3, None)

    asyncio.run(both())


def test_the_function_sees_a_copy_of_the_callers_context() -> None:
    def change() -> str:
        before = NAME.get()
        NAME.set("inner")
        return before

    async def run() -> None:
        NAME.set("outer")
        assert await Threads().run(change, []) == ("outer", None)
        assert NAME.get() == "outer"

    asyncio.run(run())


def test_size_and_queue_are_bounds() -> None:
    async def run() -> None:
        pool, stop, seen = Threads(size=2, queue=1), threading.Event(), set()

        def wait() -> None:
            seen.add(threading.get_ident())
            stop.wait()

        futures = [pool.run(wait, []) for _ in range(3)]
        with pytest.raises(Full):
            pool.run(wait, [])
        stop.set()
        await asyncio.gather(*futures)
        assert len(seen) <= 2

    asyncio.run(run())


def test_threads_are_made_when_needed_and_used_again() -> None:
    async def run() -> None:
        pool = Threads()
        names = [(await pool.run(threading.get_ident, []))[0] for _ in range(5)]
        # A thread may take its next work before it has noted the end of its last: two at most.
        assert len(set(names)) <= 2

    asyncio.run(run())


def test_a_function_that_outlives_its_loop_does_no_harm() -> None:
    stop, ended = threading.Event(), threading.Event()
    pool = Threads(size=1)

    def outlive() -> None:
        stop.wait()
        ended.set()

    async def run() -> None:
        pool.run(outlive, [])

    asyncio.run(run())
    stop.set()
    assert ended.wait(10)

    async def again() -> None:
        assert await pool.run(max, [1, 2]) == (2, None)

    asyncio.run(again())
