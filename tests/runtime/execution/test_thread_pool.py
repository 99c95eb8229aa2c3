"""Plain functions run in a bounded number of threads, with their call's context."""

import asyncio
import threading

import pytest
from tests.runtime.project import until

from neurova.execution.thread_pool import FEW, SAMPLE_INTERVAL, ThreadPool, ThreadPoolFull


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
    """A clock, the CPU time used so far, and work that blocks until released."""

    def __init__(self) -> None:
        self.now = 100.0
        self.used = self.threads_used = 0.0
        self.started = 0
        self._lock = threading.Lock()
        self._released = threading.Semaphore(0)

    def pool(self) -> ThreadPool:
        return ThreadPool(
            clock=lambda: self.now, processor_time=lambda: (self.used, self.threads_used)
        )

    def advance(self, threads: float, loop: float = 0.0) -> None:
        """Advance the clock; `threads` and `loop` are the CPUs in use meanwhile."""
        self.now += SAMPLE_INTERVAL
        self.threads_used += threads * SAMPLE_INTERVAL
        self.used += (threads + loop) * SAMPLE_INTERVAL

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
        """Start 30 pieces of work one after the other under this CPU load."""
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
    """This holds even while the event loop itself computes."""
    await machine.fill(machine.pool(), threads, loop)
    await machine.until_started(30)
    machine.release(30)


async def test_few_computing_functions_run_at_a_time(machine: Machine) -> None:
    await machine.fill(machine.pool(), 1.0)
    await machine.until_started(FEW)
    for ended in range(1, 31 - FEW):
        machine.advance(1.0)
        machine.release()
        await machine.until_started(FEW + ended)
    machine.release(FEW)


async def test_waiting_work_starts_without_a_new_call(machine: Machine) -> None:
    await machine.fill(machine.pool(), 1.0)
    machine.advance(0.0)
    await machine.until_started(30)
    machine.release(30)


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
