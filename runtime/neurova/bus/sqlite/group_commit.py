"""Run the writes of one process on a thread, and commit many of them together."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Concatenate, ParamSpec, TypeVar

from ...files.sqlite_file import open_sqlite_file, translate_sqlite_error

P = ParamSpec("P")
T = TypeVar("T")

MAX_GROUP = 1_000  # writes in one transaction

_Job = tuple["asyncio.Future[Any]", Callable[[sqlite3.Connection], Any]]
_Outcome = tuple["asyncio.Future[Any]", Any, Exception | None]


class GroupCommit:
    """Commit writes to an SQLite file; writes that wait for the disk share one transaction.

    If one write raises an error, its whole group is rolled back and fails.
    """

    def __init__(self, path: Path, layout: str) -> None:
        self._path = path
        self._layout = layout
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._thread = Thread(target=self._work, name=f"{path.name}-write", daemon=True)
        self._thread.start()

    def write(
        self,
        job: Callable[Concatenate[sqlite3.Connection, P], T],
        *arguments: P.args,
        **options: P.kwargs,
    ) -> asyncio.Future[T]:
        """Run `job(connection, …)`; return a future of its result, done once it is durable."""
        future: asyncio.Future[T] = self._loop.create_future()
        self._jobs.put((future, lambda connection: job(connection, *arguments, **options)))
        return future

    async def close(self) -> None:
        """Finish all writes and close the file."""
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    def _work(self) -> None:
        connection: sqlite3.Connection | None = None
        is_open = True
        while is_open:
            group, is_open = self._next_group()
            try:
                if connection is None:
                    connection = open_sqlite_file(self._path, self._layout)
                outcomes = _commit(connection, group)
            except Exception as error:
                outcomes = [(future, None, self._translate(error)) for future, _ in group]
            if outcomes:
                with suppress(RuntimeError):  # the loop is closed
                    self._loop.call_soon_threadsafe(_settle, outcomes)
        if connection is not None:
            connection.close()

    def _next_group(self) -> tuple[list[_Job], bool]:
        """Wait for a job; return all queued jobs, and False once the writer is closed."""
        group: list[_Job] = []
        job = self._jobs.get()
        while job is not None:
            group.append(job)
            if len(group) == MAX_GROUP:
                break
            try:
                job = self._jobs.get_nowait()
            except Empty:
                break
        return group, job is not None

    def _translate(self, error: Exception) -> Exception:
        if isinstance(error, sqlite3.Error | OSError):
            return translate_sqlite_error(error, self._path)
        return error


def _commit(connection: sqlite3.Connection, group: list[_Job]) -> list[_Outcome]:
    if not group:
        return []
    connection.execute("BEGIN IMMEDIATE")
    try:
        outcomes: list[_Outcome] = [(future, job(connection), None) for future, job in group]
        connection.execute("COMMIT")
        return outcomes
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _settle(outcomes: list[_Outcome]) -> None:
    for future, result, error in outcomes:
        if future.done():
            continue
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
