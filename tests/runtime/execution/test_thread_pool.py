"""Plain functions run in a bounded number of threads, with the context of their call."""

import asyncio
import threading
from typing import Any

import pytest
from tests.runtime.project import until

from neurova.execution.thread_pool import SAMPLE_INTERVAL, ThreadPool, ThreadPoolFull
from neurova.overload.queue_delay import DELAY


async def test_failed_thread_start_fails_that_work_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    pool, ran = ThreadPool(), list[int]()
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        result, error = await pool.run(ran.append, [1])
    assert (result, type(error), pool.refused) == (None, ThreadPoolFull, 1)
    assert await pool.run(ran.append, [2]) == (None, None)
    assert ran == [2]


async def test_threads_and_queue_are_bounded() -> None:
    pool, stop, threads = ThreadPool(size=2, queue=1), threading.Event(), set[int]()

    def wait() -> None:
        threads.add(threading.get_ident())
        stop.wait()

    work = [pool.run(wait, []) for _ in range(3)]
    with pytest.raises(ThreadPoolFull):
        pool.run(wait, [])
    stop.set()
    await asyncio.gather(*work)
    assert len(threads) <= 2


async def test_idle_thread_is_reused() -> None:
    pool = ThreadPool()
    assert len({(await pool.run(threading.get_ident, []))[0] for _ in range(5)}) == 1


class Machine:
    """A clock, the processor time used so far, and work that runs until it is released."""

    def __init__(self) -> None:
        self.now = 100.0
        self.used = self.threads_used = 0.0
        self.started = 0
        self._lock = threading.Lock()
        self._released = threading.Semaphore(0)

    def pool(self, size: int = 64, processors: int = 2, delay: float = DELAY) -> ThreadPool:
        return ThreadPool(
            size,
            delay=delay,
            clock=lambda: self.now,
            processor_time=lambda: (self.used, self.threads_used),
            processors=processors,
        )

    def advance(self, threads: float, seconds: float = SAMPLE_INTERVAL, loop: float = 0.0) -> None:
        """Let time pass, in which threads and event loop use so many processors."""
        self.now += seconds
        self.threads_used += threads * seconds
        self.used += (threads + loop) * seconds

    def work(self) -> None:
        with self._lock:
            self.started += 1
        self._released.acquire()

    def release(self, number: int = 1) -> None:
        self._released.release(number)

    async def until_started(self, number: int) -> None:
        await until(lambda: self.started >= number)
        assert self.started == number

    async def fill(self, pool: ThreadPool, threads: float, loop: float = 0.0) -> None:
        """Run 30 pieces of work, one after the other, while this much of the processor is used."""
        for _ in range(30):
            self.advance(threads, loop=loop)
            pool.run(self.work, [])
            await asyncio.sleep(0)


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.mark.parametrize(("threads", "loop"), [(0.3, 0.0), (0.05, 0.95)])
async def test_waiting_functions_run_together(
    machine: Machine, threads: float, loop: float
) -> None:
    """Also while the event loop itself computes."""
    await machine.fill(machine.pool(), threads, loop)
    await machine.until_started(30)
    machine.release(30)


@pytest.mark.parametrize("processors", [1, 2])
async def test_computing_functions_run_one_or_two_at_a_time(
    machine: Machine, processors: int
) -> None:
    """A second one shows whether they slow each other down."""
    await machine.fill(machine.pool(processors=processors, delay=60.0), 1.0)
    await machine.until_started(processors)
    for ended in range(1, 31 - processors):
        machine.advance(1.0)
        machine.release()
        await machine.until_started(processors + ended)
    machine.release(processors)


async def test_waiting_work_starts_without_a_new_call(machine: Machine) -> None:
    await machine.fill(machine.pool(delay=60.0), 1.0)
    machine.advance(0.0)
    await machine.until_started(30)
    machine.release(30)


async def test_overload_is_refused_and_delay_stays_short(machine: Machine) -> None:
    """A call each millisecond, of which each computes for five."""
    pool, waits, all_work = machine.pool(), list[float](), list[asyncio.Future[Any]]()

    def call() -> None:
        came = machine.now

        def record(work: asyncio.Future[Any]) -> None:
            if work.result()[1] is None:
                waits.append(machine.now - came)

        all_work.append(pool.run(machine.work, []))
        all_work[-1].add_done_callback(record)

    for millisecond in range(2000):
        machine.advance(1.0, 0.001)
        if pool.admits(machine.now):
            call()
        if millisecond % 5 == 4:
            ended = len(waits)
            machine.release()
            await until(lambda ended=ended: len(waits) > ended)
    assert len(waits) == 400
    assert sorted(waits)[395] <= 0.1 + 0.02  # the first ones came before anything was refused
    assert max(waits[100:]) <= 0.05  # half of the delay
    assert pool.refused > 1500
    machine.release(99)
    await asyncio.gather(*all_work)


async def test_work_that_waited_too_long_never_runs(machine: Machine) -> None:
    pool = machine.pool(1)
    first = pool.run(machine.work, [])
    late = [pool.run(machine.work, []) for _ in range(3)]
    await machine.until_started(1)
    pool.queue_delay.enter_overload(machine.now)
    machine.advance(1.0, 2 * DELAY)
    machine.release()
    assert (await first) == (None, None)
    assert [type((await work)[1]) for work in late] == [ThreadPoolFull] * 3
    assert machine.started == 1


async def test_stopped_pool_ends_its_threads(machine: Machine) -> None:
    pool = ThreadPool()
    (idle, _), busy = await pool.run(threading.current_thread, []), pool.run(machine.work, [])
    await machine.until_started(1)
    pool.stop()
    machine.release()
    await busy
    await until(lambda: not idle.is_alive())
    (another, _) = await pool.run(threading.current_thread, [])
    assert another is not idle
