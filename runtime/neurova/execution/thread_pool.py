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

from ..overload.queue_delay import Pressure

SIZE = 64
QUEUE = 1_000
SAMPLE = 0.01  # seconds over which the use of the processor is measured
SWITCH = 0.0005  # seconds after which a thread that computes lets the event loop go on
BUSY, HALF_BUSY = 0.9, 0.6  # of one processor, by the whole process
LITTLE = 0.2  # of one, by the threads: then it is not they who make it busy
ALONE = 0.8  # of a processor each: threads that have this do not wait for one another

STALE = 0.1  # seconds after which a call that was expected will not come

Outcome = tuple[Any, BaseException | None]


class ThreadPoolFull(Exception):
    """No thread will be free for this in time."""


class _Work:
    """One function to run, and the future that waits for it."""

    __slots__ = ("arguments", "context", "function", "future", "loop", "since")

    def __init__(self, function: Callable[..., Any], arguments: list[Any], since: float) -> None:
        self.function = function
        self.arguments = arguments
        self.context = copy_context()
        self.since = since
        self.loop: AbstractEventLoop = get_running_loop()
        self.future: Future[Outcome] = self.loop.create_future()

    def run(self) -> Outcome:
        try:
            return self.context.run(self.function, *self.arguments), None
        except BaseException as error:
            return None, error

    def tell(self, outcome: Outcome) -> None:
        with suppress(RuntimeError):  # the loop has closed: nobody waits any more
            self.loop.call_soon_threadsafe(self._done, outcome)

    def _done(self, outcome: Outcome) -> None:
        if not self.future.done():
            self.future.set_result(outcome)


class ThreadPool:
    """Run functions in up to `size` threads, made when first needed; up to `queue` wait.

    Another one is begun only while those that run leave some of the processor, or each of them has
    one of its own: functions that compute are worked off one or two at a time, as all at once would
    end late and hold up the event loop; functions that wait for something are begun as they come.
    The threads are daemons: a function that never ends does not keep the process alive.
    """

    def __init__(
        self,
        size: int = SIZE,
        queue: int = QUEUE,
        *,
        clock: Callable[[], float] = monotonic,
        used: Callable[[], tuple[float, float]] | None = None,
        processors: int = 0,
    ) -> None:
        self.size = size
        self.queue = queue
        self.pressure = Pressure()
        self.refused = 0
        self.expected = 0  # calls that were let in and are about to be handed over
        self._processors = processors or _processors()
        self._clock = clock
        self._used = used or _used
        self._handed: SimpleQueue[_Work] = SimpleQueue()
        self._lock = Lock()
        self._threads = 0
        self._free = 0  # threads that wait for work
        self._running = 0
        self._waiting: deque[_Work] = deque()
        self._looking: AbstractEventLoop | None = None
        self._marked, self._mark = clock(), self._used()  # when it was looked at, what was found
        self._use = self._own = 0.0  # processors used lately by the process, and by the threads
        self._begun = False  # one since then, though half of a processor was used
        self._ran = self._ended = 0.0
        self._gap = 0.0  # mean seconds between two ends while others wait

    def admits(self, now: float) -> bool:
        """Tell whether a call that comes now will be begun in time; monotonic seconds."""
        with self._lock:
            waiting = len(self._waiting)
            full = waiting >= self.queue
            if not full and self.pressure.crowded:
                if now - self._ran > STALE:
                    self.expected = 0
                full = not self.pressure.admits((waiting + self.expected) * self._gap, now)
            self.refused += full
            return not full

    def run(
        self, function: Callable[..., Any], arguments: list[Any], since: float = 0.0
    ) -> Future[Outcome]:
        """Return a future of (result, what was raised or None); it never fails itself.

        The function sees a copy of the caller's context. `since`: when the call came, monotonic
        seconds. Raises ThreadPoolFull, or gives it, when the call has waited too long.
        """
        work = _Work(function, arguments, since or self._clock())
        with self._lock:
            if len(self._waiting) >= self.queue:
                self.refused += 1
                raise ThreadPoolFull
            self.expected = max(self.expected - 1, 0)
            self._ran = work.since
            self._waiting.append(work)
            self._hand_out()
        return work.future

    def withdraw(self, future: Future[Outcome]) -> bool:
        """Take a function that waits out of the queue; False: it runs, or has run."""
        with self._lock:
            for work in self._waiting:
                if work.future is future:
                    self._waiting.remove(work)
                    return True
        return False

    def _hand_out(self) -> None:
        """Begin what may be begun now, and look again soon if something is left."""
        while (work := self._next()) is not None:
            if self._free:
                self._free -= 1
            elif not self._begin():
                self._running -= 1
                self.refused += 1
                work.tell((None, ThreadPoolFull()))
                continue
            self._handed.put(work)
        if self._waiting and (self._looking is None or self._looking.is_closed()):
            self._looking = self._waiting[0].loop
            self._looking.call_soon_threadsafe(self._looking.call_later, SAMPLE, self._look)

    def _begin(self) -> bool:
        """Begin another thread; False: the system gives no more now."""
        if sys.getswitchinterval() > SWITCH:
            sys.setswitchinterval(SWITCH)
        try:
            Thread(target=self._serve, name="neurova-function", daemon=True).start()
        except RuntimeError:
            return False
        self._threads += 1
        return True

    def _look(self) -> None:
        with self._lock:
            self._looking = None
            self._hand_out()

    def _next(self) -> _Work | None:
        """Return the first that waits, to be begun now."""
        now = self._clock()
        while self._waiting and self._may_begin(now):
            work = self._waiting.popleft()
            waited = now - work.since
            self.pressure.waited(waited, now)
            if self.pressure.crowded and waited > self.pressure.delay:
                self.refused += 1
                work.tell((None, ThreadPoolFull()))
                continue
            self._running += 1
            return work
        return None

    def _may_begin(self, now: float) -> bool:
        """Tell whether the processor has room for one more."""
        running = self._running
        if running == 0 or running >= self.size:
            return running == 0
        if now - self._marked >= SAMPLE:
            used, past = self._used(), now - self._marked
            self._use, self._own = (
                (new - old) / past for new, old in zip(used, self._mark, strict=True)
            )
            self._marked, self._mark, self._begun = now, used, False
        if self._use < HALF_BUSY or self._own < LITTLE:
            return True
        if running < self._processors and self._own > ALONE * running:
            return True
        if self._use < BUSY and not self._begun:
            self._begun = True
            return True
        return False

    def _serve(self) -> None:
        following: _Work | None = None
        while True:
            work = following or self._handed.get()
            outcome = work.run()
            with self._lock:
                self._running -= 1
                self._note_end()
                following = self._next()
                self._free += following is None
            work.tell(outcome)
            del work, outcome  # a waiting thread holds nothing of the last call

    def _note_end(self) -> None:
        now = self._clock()
        if self._waiting and self._ended:
            self._gap += (now - self._ended - self._gap) / 8
        self._ended = now if self._waiting else 0.0


def _used() -> tuple[float, float]:
    """Return the processor time of the process, and what of it was not the main thread's."""
    process = process_time()
    main = main_thread().ident
    if main is None or not hasattr(time, "pthread_getcpuclockid"):
        return process, process
    return process, process - time.clock_gettime(time.pthread_getcpuclockid(main))


def _processors() -> int:
    """Return on how many processors this process may run."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


POOL = ThreadPool()
