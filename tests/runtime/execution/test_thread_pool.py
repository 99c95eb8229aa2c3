"""Plain functions run in a bounded number of threads, with the context of their call."""

import asyncio
import contextvars
import threading
from typing import Any

import pytest

from neurova.execution.thread_pool import SAMPLE_INTERVAL, ThreadPool, ThreadPoolFull
from neurova.overload.queue_delay import DELAY, Pressure

NAME = contextvars.ContextVar("name", default="")


def test_a_result_and_an_exception_both_come_back() -> None:
    def fail() -> None:
        raise SystemExit(3)

    async def both() -> None:
        pool = ThreadPool()
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
        assert await ThreadPool().run(change, []) == ("outer", None)
        assert NAME.get() == "outer"

    asyncio.run(run())


def test_a_system_that_gives_no_thread_costs_that_call_and_runs_nothing_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def none(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def run() -> None:
        pool, ran = ThreadPool(), []
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", none)
            result, error = await pool.run(ran.append, [1])
        assert (result, type(error)) == (None, ThreadPoolFull)
        assert pool.refused == 1
        assert await pool.run(ran.append, [2]) == (None, None)
        assert ran == [2]

    asyncio.run(run())


def test_size_and_queue_are_bounds() -> None:
    async def run() -> None:
        pool, stop, seen = ThreadPool(size=2, queue=1), threading.Event(), set()

        def wait() -> None:
            seen.add(threading.get_ident())
            stop.wait()

        futures = [pool.run(wait, []) for _ in range(3)]
        with pytest.raises(ThreadPoolFull):
            pool.run(wait, [])
        stop.set()
        await asyncio.gather(*futures)
        assert len(seen) <= 2

    asyncio.run(run())


def test_threads_are_made_when_needed_and_used_again() -> None:
    async def run() -> None:
        pool = ThreadPool()
        names = [(await pool.run(threading.get_ident, []))[0] for _ in range(5)]
        assert len(set(names)) == 1

    asyncio.run(run())


def test_a_function_that_outlives_its_loop_does_no_harm() -> None:
    stop, ended = threading.Event(), threading.Event()
    pool = ThreadPool(size=1)

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


class Processor:
    """A clock, and the processor time used until then."""

    def __init__(self) -> None:
        self.now = 100.0
        self.used = self.own = 0.0

    def pool(self, size: int = 64, processors: int = 2) -> ThreadPool:
        how: Any = {"clock": lambda: self.now, "processor_time": lambda: (self.used, self.own)}
        return ThreadPool(size, processors=processors, **how)

    def go_on(self, own: float, seconds: float = SAMPLE_INTERVAL, loop: float = 0.0) -> None:
        """Let time pass, while threads and loop use so many processors."""
        self.now += seconds
        self.own += own * seconds
        self.used += (own + loop) * seconds


class Held:
    """Functions that run until they are let go."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.begun = 0
        self.gone = threading.Semaphore(0)

    def __call__(self) -> None:
        with self.lock:
            self.begun += 1
        self.gone.acquire()

    async def are(self, number: int) -> bool:
        """Wait until so many have begun."""
        while self.begun < number:
            await asyncio.sleep(0)
        return self.begun == number


async def filled(processor: Processor, pool: ThreadPool, held: Held, use: float) -> None:
    """Call one after the other, while those that run use so much of the processor."""
    for _ in range(30):
        processor.go_on(use)
        pool.run(held, [])
        await asyncio.sleep(0)


def test_functions_that_wait_run_together() -> None:
    async def run() -> None:
        processor, held = Processor(), Held()
        pool = processor.pool()
        await filled(processor, pool, held, 0.3)
        assert await held.are(30)
        held.gone.release(30)

    asyncio.run(run())


@pytest.mark.parametrize("processors", [1, 2])
def test_functions_that_compute_run_one_or_two_at_a_time_and_in_order(processors: int) -> None:
    """Only one computes at a time: a second shows whether they hinder one another."""

    async def run() -> None:
        processor, held = Processor(), Held()
        pool = processor.pool(processors=processors)
        pool.pressure = Pressure(60.0)  # none is given up here
        await filled(processor, pool, held, 1.0)
        assert await held.are(processors)
        for ended in range(1, 31 - processors):
            processor.go_on(1.0)
            held.gone.release()
            assert await held.are(processors + ended)
        held.gone.release(processors)

    asyncio.run(run())


def test_functions_that_wait_run_together_though_the_event_loop_computes() -> None:
    async def run() -> None:
        processor, held = Processor(), Held()
        pool = processor.pool()
        for _ in range(30):
            processor.go_on(0.05, loop=0.95)
            pool.run(held, [])
            await asyncio.sleep(0)
        assert await held.are(30)
        held.gone.release(30)

    asyncio.run(run())


def test_functions_that_compute_beside_one_another_are_as_many_as_there_are_processors() -> None:
    async def run() -> None:
        processor, held = Processor(), Held()
        pool = processor.pool(processors=8)
        for _ in range(30):
            while held.begun < pool._running:
                await asyncio.sleep(0)  # what was handed to a thread computes only once it is there
            processor.go_on(min(held.begun, 8))
            pool.run(held, [])
        assert await held.are(8)
        held.gone.release(30)

    asyncio.run(run())


def test_one_that_stops_computing_makes_room_without_anybody_calling() -> None:
    async def run() -> None:
        processor, held = Processor(), Held()
        pool = processor.pool()
        pool.pressure = Pressure(60.0)
        await filled(processor, pool, held, 1.0)
        processor.go_on(0.0)
        assert await held.are(30)
        held.gone.release(30)

    asyncio.run(run())


def test_five_times_what_can_be_computed_is_refused_as_it_comes() -> None:
    """A call each millisecond, of which each computes for five."""

    async def run() -> None:
        processor, held = Processor(), Held()
        pool = processor.pool()
        ran: list[float] = []
        calls = set[asyncio.Future[Any]]()

        def call() -> None:
            came = processor.now

            def done(future: asyncio.Future[Any]) -> None:
                if future.result()[1] is None:
                    ran.append(processor.now - came)

            calls.add(future := pool.run(held, []))
            future.add_done_callback(done)

        for millisecond in range(2000):
            processor.go_on(1.0, 0.001)
            if pool.admits(processor.now):
                call()
            if millisecond % 5 == 4:
                served = len(ran)
                held.gone.release()
                while len(ran) == served:
                    await asyncio.sleep(0)
        assert len(ran) == 400
        assert sorted(ran)[395] <= 0.1 + 0.02  # the first of them found nobody refused yet
        assert max(ran[100:]) <= 0.05  # half the delay: threads take turns as the machine lets them
        assert pool.refused > 1500
        held.gone.release(99)
        await asyncio.gather(*calls)

    asyncio.run(run())


def test_what_has_waited_too_long_is_given_up_unrun() -> None:
    async def run() -> None:
        processor, held = Processor(), Held()
        pool = processor.pool(1)
        first = pool.run(held, [])
        late = [pool.run(held, []) for _ in range(3)]
        assert await held.are(1)
        pool.pressure.crowd(processor.now)
        processor.go_on(1.0, 2 * DELAY)
        held.gone.release()
        assert (await first) == (None, None)
        assert [type((await one)[1]) for one in late] == [ThreadPoolFull] * 3
        assert held.begun == 1

    asyncio.run(run())


def test_what_is_withdrawn_never_runs() -> None:
    async def run() -> None:
        held, pool = Held(), ThreadPool(1)
        first, second = pool.run(held, []), pool.run(held, [])
        assert await held.are(1)
        assert pool.withdraw(second)
        assert not pool.withdraw(second)
        assert not pool.withdraw(first)
        held.gone.release()
        await first
        assert await pool.run(max, [1, 2]) == (2, None)
        assert held.begun == 1

    asyncio.run(run())
