"""Run a coroutine in a database transaction: commit, roll back, or retry after a conflict."""

from __future__ import annotations

import asyncio
import logging
from asyncio import CancelledError
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol, TypeVar

from ..database.base import Callback, Transaction
from ..database.publisher import write_outbox
from ..database.traced import with_spans

LOGGER = logging.getLogger("neurova")

T = TypeVar("T")


class Run(Protocol):
    """The run of a function that owns a transaction.

    `is_committing`: the commit has begun, so the deadline no longer ends the run. After the commit,
    `after_reply` contains the transaction's callbacks; the owner of the run must run them, see
    `run_callbacks`.
    """

    is_committing: bool
    after_reply: tuple[Callback, ...]

    @property
    def is_stopped(self) -> bool:
        """Whether the result is no longer needed."""
        ...


class TaskRun:
    """A run whose result only the current task needs."""

    def __init__(self) -> None:
        self.is_committing = False
        self.after_reply: tuple[Callback, ...] = ()

    @property
    def is_stopped(self) -> bool:
        """Whether the task was cancelled."""
        task = asyncio.current_task()
        return task is not None and task.cancelling() > 0


async def run_in_transaction(
    transaction: Transaction,
    body: Callable[[Transaction], Awaitable[T]],
    run: Run | None = None,
    *,
    shield_commit: bool = True,
) -> T:
    """Await `body(transaction)`, commit, and return the result of the body.

    Roll back if the body raises or its run was stopped. After a conflict, run the body again with a
    new transaction. Raises Unavailable if conflicts continue until the transaction's deadline.
    Cancellation does not interrupt a running commit, unless `shield_commit` is false (for read-only
    transactions). The caller must limit the time of the body, for example with
    `asyncio.timeout_at`, and run the callbacks in `run.after_reply`.
    """
    if run is None:
        run = TaskRun()
    while True:
        transaction = with_spans(transaction)
        try:
            result = await body(transaction)
            if run.is_stopped:  # the body caught its CancelledError
                raise CancelledError
            run.is_committing = True
            if transaction.published:
                await write_outbox(transaction)
            await (finish(transaction.commit()) if shield_commit else transaction.commit())
            run.after_reply += tuple(transaction.callbacks)
            return result
        except BaseException as error:
            await _roll_back(transaction)
            conflict = transaction.conflict
            if conflict is None or run.is_stopped or isinstance(error, CancelledError):
                raise
        run.is_committing = False
        transaction = await conflict.retry()


async def _roll_back(transaction: Transaction) -> None:
    try:
        await finish(transaction.rollback())
    except Exception as error:
        LOGGER.error("Rollback failed", exc_info=error)


async def finish(ending: Coroutine[Any, Any, None]) -> None:
    """Await `ending` to its end, even if the current task is cancelled."""
    task = asyncio.ensure_future(ending)
    while not task.done():
        try:
            await asyncio.wait((task,))
        except CancelledError:
            continue
    task.result()
