"""A bounded pool of threads for functions written as plain `def`."""

from __future__ import annotations

from asyncio import AbstractEventLoop, Future, get_running_loop
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any

SIZE = 64
QUEUE = 1_000


class Full(Exception):
    """All threads are taken and the queue is full."""


class _Work:
    """One function to run, and the future that waits for it."""

    __slots__ = ("arguments", "context", "function", "future", "loop")

    def __init__(
        self, function: Callable[..., Any], arguments: list[Any], loop: AbstractEventLoop
    ) -> None:
        self.function = function
        self.arguments = arguments
        self.context = copy_context()
        self.loop = loop
        self.future: Future[tuple[Any, BaseException | None]] = loop.create_future()

    def run(self) -> None:
        outcome: tuple[Any, BaseException | None]
        try:
            outcome = (self.context.run(self.function, *self.arguments), None)
        except BaseException as error:
            outcome = (None, error)
        with suppress(RuntimeError):  # the loop has closed: nobody waits any more
            self.loop.call_soon_threadsafe(self._done, outcome)

    def _done(self, outcome: tuple[Any, BaseException | None]) -> None:
        if not self.future.done():
            self.future.set_result(outcome)


class Threads:
    """Run functions in up to `size` threads, made when first needed; up to `queue` wait.

    The threads are daemons: a function that never ends does not keep the process alive.
    """

    def __init__(self, size: int = SIZE, queue: int = QUEUE) -> None:
        self.size = size
        self.most = size + queue
        self._work: SimpleQueue[_Work] = SimpleQueue()
        self._lock = Lock()
        self._threads = 0
        self._pending = 0

    def run(
        self, function: Callable[..., Any], arguments: list[Any]
    ) -> Future[tuple[Any, BaseException | None]]:
        """Return a future of (result, what was raised or None); it never fails itself.

        The function sees a copy of the caller's context. Raises Full.
        """
        work = _Work(function, arguments, get_running_loop())
        with self._lock:
            if self._pending >= self.most:
                raise Full
            self._pending += 1
            grow = self._threads < min(self.size, self._pending)
            self._threads += grow
        if grow:
            Thread(target=self._serve, name="neurova-function", daemon=True).start()
        self._work.put(work)
        return work.future

    def _serve(self) -> None:
        while True:
            work = self._work.get()
            work.run()
            with self._lock:
                self._pending -= 1
            del work  # a waiting thread holds nothing of the last call


POOL = Threads()
