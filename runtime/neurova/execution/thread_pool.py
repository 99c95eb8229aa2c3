"""A bounded pool of threads for functions written as plain `def`."""

from __future__ import annotations

import os
import sys
import time
from asyncio import AbstractEventLoop, Future, get_running_loop
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from queue import SimpleQueue
from threading import Lock, Thread, main_thread
from time import monotonic, process_time
from typing import Any

from ..overload.queue_delay import DELAY, QueueDelay

SIZE = 64
QUEUE = 1_000
SAMPLE_INTERVAL = 0.01  # seconds between two measurements of processor use
SWITCH_INTERVAL = 0.0005  # seconds after which a computing thread yields the GIL
BUSY, HALF_BUSY = 0.9, 0.6  # processors that the process uses when it is busy, half busy
LOW_THREAD_USE = 0.2  # processors used by the threads; below this, threads are not the load
OWN_PROCESSOR = 0.8  # processors used per thread; above this, threads run in parallel
STALE = 0.1  # seconds after which an admitted call that did not start is forgotten

Outcome = tuple[Any, BaseException | None]


class ThreadPoolFull(Exception):
    """No thread will be free in time."""


class Work(Future[Outcome]):
    """A function to run in a thread, as a future of (result, exception or None)."""

    __slots__ = ("_arguments", "_context", "_function", "_pool", "since")

    def __init__(
        self,
        pool: ThreadPool,
        function: Callable[..., Any],
        arguments: list[Any],
        since: float,
    ) -> None:
        super().__init__(loop=get_running_loop())
        self._pool = pool
        self._function = function
        self._arguments = arguments
        self._context = copy_context()
        self.since = since

    def withdraw(self) -> bool:
        """Remove this work from the queue; return False if it has started."""
        return self._pool.withdraw(self)

    def run(self) -> Outcome:
        """Run the function, in a thread."""
        try:
            return self._context.run(self._function, *self._arguments), None
        except BaseException as error:
            return None, error

    def report(self, outcome: Outcome) -> None:
        """Set the result, from any thread."""
        with suppress(RuntimeError):  # the event loop has closed
            self.get_loop().call_soon_threadsafe(self._set_outcome, outcome)

    def _set_outcome(self, outcome: Outcome) -> None:
        if not self.done():
            self.set_result(outcome)


class ThreadPool:
    """Run functions in up to `size` threads, created on demand; up to `queue` calls wait.

    Another function starts only while the running ones leave part of a processor idle, or each has
    its own processor. So CPU-bound functions run one or two at a time, because running all at once
    would slow down each of them and the event loop. I/O-bound functions start immediately. Daemon
    threads let the process exit even if a function never ends. `delay` is the queueing delay in
    seconds above which calls are refused.
    """

    def __init__(
        self,
        size: int = SIZE,
        queue: int = QUEUE,
        *,
        delay: float = DELAY,
        clock: Callable[[], float] = monotonic,
        processor_time: Callable[[], tuple[float, float]] | None = None,
        processors: int = 0,
    ) -> None:
        self.size = size
        self.queue = queue
        self.queue_delay = QueueDelay(delay)
        self.refused = 0
        self.expected = 0  # admitted calls that have not called `run` yet
        self._processors = processors or _count_processors()
        self._clock = clock
        self._processor_time = processor_time or _processor_time
        self._assigned: SimpleQueue[Work | None] = SimpleQueue()  # None ends one thread
        self._lock = Lock()
        self._is_stopped = False
        self._idle_threads = 0  # threads that wait for work
        self._running = 0
        self._waiting: deque[Work] = deque()
        self._recheck_loop: AbstractEventLoop | None = None
        self._sampled_at, self._sample = clock(), self._processor_time()
        self._process_use = self._thread_use = 0.0  # processors used since the last sample
        self._started_one = False  # whether one started since the last sample, above HALF_BUSY
        self._last_run = self._last_end = 0.0
        self._mean_gap = 0.0  # mean seconds between the ends of two calls while others wait

    def admits(self, now: float) -> bool:
        """Return whether a call that arrives `now` (monotonic seconds) will start in time."""
        with self._lock:
            waiting = len(self._waiting)
            full = waiting >= self.queue
            if not full and self.queue_delay.is_overloaded:
                if now - self._last_run > STALE:
                    self.expected = 0
                full = not self.queue_delay.admits((waiting + self.expected) * self._mean_gap, now)
            self.refused += full
            return not full

    def run(self, function: Callable[..., Any], arguments: list[Any], since: float = 0.0) -> Work:
        """Run a function in a thread, in a copy of the caller's context.

        `since`: arrival time in monotonic seconds. Raises ThreadPoolFull if the queue is full;
        the outcome is a ThreadPoolFull if the call has waited too long.
        """
        work = Work(self, function, arguments, since or self._clock())
        with self._lock:
            if len(self._waiting) >= self.queue:
                self.refused += 1
                raise ThreadPoolFull
            self._is_stopped = False
            self.expected = max(self.expected - 1, 0)
            self._last_run = work.since
            self._waiting.append(work)
            self._assign()
        return work

    def withdraw(self, work: Work) -> bool:
        """Remove work from the queue; return False if it has started."""
        with self._lock:
            try:
                self._waiting.remove(work)
            except ValueError:
                return False
        return True

    def stop(self) -> None:
        """Stop the idle threads, and the others after their work. New work starts new threads."""
        with self._lock:
            self._is_stopped = True
            for _ in range(self._idle_threads):
                self._assigned.put(None)
            self._idle_threads = 0

    def _assign(self) -> None:
        """Start all work that may start now; check again soon if some is left."""
        while (work := self._next()) is not None:
            if self._idle_threads:
                self._idle_threads -= 1
            elif not self._start_thread():
                self._running -= 1
                self.refused += 1
                work.report((None, ThreadPoolFull()))
                continue
            self._assigned.put(work)
        if self._waiting and (self._recheck_loop is None or self._recheck_loop.is_closed()):
            loop = self._recheck_loop = self._waiting[0].get_loop()
            loop.call_soon_threadsafe(loop.call_later, SAMPLE_INTERVAL, self._recheck)

    def _start_thread(self) -> bool:
        """Start another thread; return False if the system has no more."""
        if sys.getswitchinterval() > SWITCH_INTERVAL:
            sys.setswitchinterval(SWITCH_INTERVAL)
        try:
            Thread(target=self._run_work, name="neurova-function", daemon=True).start()
        except RuntimeError:
            return False
        return True

    def _recheck(self) -> None:
        with self._lock:
            self._recheck_loop = None
            self._assign()

    def _next(self) -> Work | None:
        """Take the next work from the queue, None if none may start now."""
        now = self._clock()
        while self._waiting and self._may_start(now):
            work = self._waiting.popleft()
            waited = now - work.since
            self.queue_delay.record_wait(waited, now)
            if self.queue_delay.is_overloaded and waited > self.queue_delay.delay:
                self.refused += 1
                work.report((None, ThreadPoolFull()))
                continue
            self._running += 1
            return work
        return None

    def _may_start(self, now: float) -> bool:
        """Return whether enough processor time is free to start another function."""
        running = self._running
        if running == 0 or running >= self.size:
            return running == 0
        if now - self._sampled_at >= SAMPLE_INTERVAL:
            sample, elapsed = self._processor_time(), now - self._sampled_at
            self._process_use, self._thread_use = (
                (new - old) / elapsed for new, old in zip(sample, self._sample, strict=True)
            )
            self._sampled_at, self._sample, self._started_one = now, sample, False
        if self._process_use < HALF_BUSY or self._thread_use < LOW_THREAD_USE:
            return True
        if running < self._processors and self._thread_use > OWN_PROCESSOR * running:
            return True
        if self._process_use < BUSY and not self._started_one:
            self._started_one = True
            return True
        return False

    def _run_work(self) -> None:
        work = self._assigned.get()
        while work is not None:
            outcome = work.run()
            with self._lock:
                self._running -= 1
                self._record_end()
                following = self._next()
                is_last = following is None and self._is_stopped
                self._idle_threads += following is None and not is_last
            work.report(outcome)
            del work, outcome  # free them, instead of keeping them alive while the thread is idle
            if is_last:
                return
            work = following or self._assigned.get()
            del following

    def _record_end(self) -> None:
        now = self._clock()
        if self._waiting and self._last_end:
            self._mean_gap += (now - self._last_end - self._mean_gap) / 8
        self._last_end = now if self._waiting else 0.0


def _processor_time() -> tuple[float, float]:
    """Return the processor time of the process, and of all threads except the main thread."""
    process = process_time()
    main = main_thread().ident
    if main is None or not hasattr(time, "pthread_getcpuclockid"):
        return process, process
    return process, process - time.clock_gettime(time.pthread_getcpuclockid(main))


def _count_processors() -> int:
    """Return the number of processors that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1
