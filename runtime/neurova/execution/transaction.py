"""Run a coroutine in a database transaction: retry on conflict, commit or roll back."""

from __future__ import annotations

import asyncio
import logging
from asyncio import CancelledError
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol, TypeVar

from ..database.base import Transaction

LOGGER = logging.getLogger("neurova")

T = TypeVar("T")


class Run(Protocol):
    """The run that a transaction belongs to."""

    is_committing: bool
    """The commit has begun: a deadline no longer ends the run."""

    @property
    def is_stopped(self) -> bool:
        """Whether its result is no longer wanted."""
        ...


async def run_in_transaction(
    transaction: Transaction,
    body: Callable[[Transaction], Awaitable[T]],
    run: Run | None = None,
    *,
    shield_commit: bool = True,
) -> T:
    """Await `body(transaction)`, commit, and return the result of the body.

    A body that raises, or whose run was stopped, is rolled back. After a conflict the body runs
    again with the transaction of the next attempt, until the transaction's deadline; then the
    conflict raises Unavailable. Cancellation does not interrupt a commit that has begun, unless
    `shield_commit` is false (a transaction that only reads). The caller bounds the time of the
    body, for example by `asyncio.timeout_at`.
    """
    while True:
        try:
            result = await body(transaction)
            if _is_stopped(run):  # the body has caught its CancelledError
                raise CancelledError
            if run is not None:
                run.is_committing = True
            await (finish(transaction.commit()) if shield_commit else transaction.commit())
            return result
        except BaseException as error:
            await _roll_back(transaction)
            conflict = transaction.conflict
            if conflict is None or _is_stopped(run) or isinstance(error, CancelledError):
                raise
        if run is not None:
            run.is_committing = False
        transaction = await conflict.retry()


def _is_stopped(run: Run | None) -> bool:
    if run is not None:
        return run.is_stopped
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _roll_back(transaction: Transaction) -> None:
    try:
        await finish(transaction.rollback())
    except Exception as error:
        LOGGER.error("Rollback failed", exc_info=error)


async def finish(ending: Coroutine[Any, Any, None]) -> None:
    """Await `ending` to its end, even if the current task is cancelled meanwhile."""
    task = asyncio.ensure_future(ending)
    while not task.done():
        try:
            await asyncio.wait((task,))
        except CancelledError:
            continue
    task.result()
