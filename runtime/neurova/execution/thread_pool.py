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

SIZE = 64
QUEUE = 1_000
SAMPLE_INTERVAL = 0.01  # seconds between measurements of processor use
SWITCH_INTERVAL = 0.0005  # seconds after which a computing thread yields the GIL
# Thresholds in processors: if the process uses more than BUSY, and its threads other than the main
# thread more than THREADS_BUSY, then at most FEW functions run at once.
BUSY, THREADS_BUSY = 0.7, 0.2
FEW = max(4, os.cpu_count() or 1)

Outcome = tuple[Any, BaseException | None]


class ThreadPoolFull(Exception):
    """No thread is free and the queue is full."""


class Work(Future[Outcome]):
    """A function to run in a thread; the future's result is (result, exception or None)."""

    __slots__ = ("_arguments", "_context", "_function", "_pool")

    def __init__(
        self,
        pool: ThreadPool,
        function: Callable[..., Any],
        arguments: list[Any],
    ) -> None:
        super().__init__(loop=get_running_loop())
        self._pool = pool
        self._function = function
        self._arguments = arguments
        self._context = copy_context()

    def withdraw(self) -> bool:
        """Remove this work from the queue; return False if it has started."""
        return self._pool.withdraw(self)

    def run(self) -> Outcome:
        """Run the function; the pool calls this in a thread."""
        try:
            return self._context.run(self._function, *self._arguments), None
        except BaseException as error:
            return None, error

    def report(self, outcome: Outcome) -> None:
        """Set the result; callable from any thread."""
        with suppress(RuntimeError):  # the event loop has closed
            self.get_loop().call_soon_threadsafe(self._set_outcome, outcome)

    def _set_outcome(self, outcome: Outcome) -> None:
        if not self.done():
            self.set_result(outcome)


class ThreadPool:
    """Run functions in up to `size` threads, created on demand; up to `queue` calls wait.

    While the functions use the processor, only FEW run at once: more computing threads would slow
    down the event loop, which needs the GIL. While they wait for sockets or disks, more start at
    once. Daemon threads let the process exit even if a function never ends.
    """

    def __init__(
        self,
        size: int = SIZE,
        queue: int = QUEUE,
        *,
        clock: Callable[[], float] = monotonic,
        processor_time: Callable[[], tuple[float, float]] | None = None,
    ) -> None:
        self.size = size
        self.queue = queue
        self.refused = 0
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
        self._is_busy = False

    def run(self, function: Callable[..., Any], arguments: list[Any]) -> Work:
        """Run a function in a thread, in a copy of the caller's context.

        Raises ThreadPoolFull if the queue is full.
        """
        work = Work(self, function, arguments)
        with self._lock:
            if len(self._waiting) >= self.queue:
                self.refused += 1
                raise ThreadPoolFull
            self._is_stopped = False
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
        """Stop idle threads now and the others after their work; new work starts new threads."""
        with self._lock:
            self._is_stopped = True
            for _ in range(self._idle_threads):
                self._assigned.put(None)
            self._idle_threads = 0

    def _assign(self) -> None:
        """Start all work that may start now; if work is left, check again after a moment."""
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
        """Start another thread; return False if the system refuses it."""
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
        if not self._waiting or not self._may_start():
            return None
        self._running += 1
        return self._waiting.popleft()

    def _may_start(self) -> bool:
        """Return whether another function may run."""
        if self._running < min(FEW, self.size):
            return True
        now = self._clock()
        if (elapsed := now - self._sampled_at) >= SAMPLE_INTERVAL:
            sample = self._processor_time()
            process, threads = (new - old for new, old in zip(sample, self._sample, strict=True))
            self._is_busy = process > BUSY * elapsed and threads > THREADS_BUSY * elapsed
            self._sampled_at, self._sample = now, sample
        return self._running < self.size and not self._is_busy

    def _run_work(self) -> None:
        work = self._assigned.get()
        while work is not None:
            outcome = work.run()
            with self._lock:
                self._running -= 1
                following = self._next()
                is_last = following is None and self._is_stopped
                self._idle_threads += following is None and not is_last
            work.report(outcome)
            del work, outcome  # do not keep them alive while the thread is idle
            if is_last:
                return
            work = following or self._assigned.get()
            del following


def _processor_time() -> tuple[float, float]:
    """Return the processor time of the process, and of all threads except the main thread."""
    process = process_time()
    main = main_thread().ident
    if main is None or not hasattr(time, "pthread_getcpuclockid"):
        return process, process
    return process, process - time.clock_gettime(time.pthread_getcpuclockid(main))
