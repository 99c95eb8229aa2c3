"""Ctrl-C at `neurova dev` and `neurova run`, until a server knows what to do with it.

Most of a start is imports, and an exception that a signal raises there may be lost: callbacks of
the import system cannot raise, `__set_name__` wraps what is raised, a library may catch it. So a
start that computes leaves at once; what it has opened is as after a crash, which the next start
takes up. A start that waits is cancelled, and ends what it has begun.
"""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio


class _Interrupt:
    def __init__(self) -> None:
        self.task: asyncio.Task[Any] | None = None
        self.starting = True

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        if self.task is None or self.task.done() or (self.starting and _computes(self.task)):
            os._exit(0)
        self.task.cancel()


def _computes(task: asyncio.Task[Any]) -> bool:
    import asyncio

    return asyncio.current_task(task.get_loop()) is not None


_INTERRUPT = _Interrupt()


def take() -> None:
    """Let SIGINT end this process with 0, unless it was begun so as to ignore it."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _INTERRUPT)


def cancels(task: asyncio.Task[Any] | None) -> None:
    """Have it cancel `task`, when that waits; once that is done there is nothing left to lose."""
    _INTERRUPT.task = task


def started() -> None:
    """Have it cancel the task even when that computes: from now on there is something to lose."""
    _INTERRUPT.starting = False
