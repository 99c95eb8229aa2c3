"""Threads for calls that would keep the event loop waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

T = TypeVar("T")

_Job = tuple[asyncio.AbstractEventLoop, "asyncio.Future[Any]", Callable[..., Any], tuple[Any, ...]]


class Worker:
    """Run calls on `threads` threads, started with the first call, and tell the loop.

    In place of a ThreadPoolExecutor, whose two futures a call cost as much as many a statement.
    """

    def __init__(self, name: str, threads: int) -> None:
        self._name = name
        self._size = threads
        self._threads: list[Thread] = []
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()

    def run(self, call: Callable[..., T], *arguments: Any) -> asyncio.Future[T]:
        """Return a future of `call`; to cancel the future does not stop the call."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        if not self._threads:
            self._start()
        self._jobs.put((loop, future, call, arguments))
        return future

    def close(self) -> None:
        """Finish what was asked for, then end the threads; the next call starts new ones."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    def _start(self) -> None:
        for number in range(self._size):
            # A daemon: a program that ends without `close` is not kept from ending.
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
            with suppress(RuntimeError):  # the loop is closed: nobody is left to be told
                loop.call_soon_threadsafe(_settle, future, result, error)
            del job, future, call, arguments, result, error


def _settle(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
