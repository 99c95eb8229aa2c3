"""Run calls that would block the event loop on threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

T = TypeVar("T")

_Job = tuple[asyncio.AbstractEventLoop, "asyncio.Future[Any]", Callable[..., Any], tuple[Any, ...]]


class DatabaseThreads:
    """Run calls on a fixed number of threads, which start at the first call.

    A ThreadPoolExecutor creates two futures per call, which costs as much as a short statement.
    """

    def __init__(self, name: str, threads: int) -> None:
        self._name = name
        self._size = threads
        self._threads: list[Thread] = []
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()

    def run(self, call: Callable[..., T], *arguments: Any) -> asyncio.Future[T]:
        """Run `call` on a thread; return a future, whose cancellation does not stop the call."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        if not self._threads:
            self._start()
        self._jobs.put((loop, future, call, arguments))
        return future

    def close(self) -> None:
        """Finish all calls, then end the threads; the next call starts new threads."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    def _start(self) -> None:
        for number in range(self._size):
            # Daemon threads do not block the exit if `close` was not called.
            thread = Thread(target=self._work, name=f"{self._name}-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            loop, future, call, arguments = job
            try:
                result, error = call(*arguments), None
            except BaseException as raised:
                result, error = None, raised
            with suppress(RuntimeError):  # the event loop is closed
                loop.call_soon_threadsafe(_settle, future, result, error)
            del job, future, call, arguments, result, error


def _settle(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
