"""Handle Ctrl-C while `neurova dev` or `neurova run` starts, until a server handles it.

Most of the start consists of imports. An exception that a signal handler raises there can get lost:
callbacks of the import system cannot raise, `__set_name__` wraps exceptions, libraries catch them.
So if Python code runs when the signal arrives, the process exits at once, and the next start
recovers as after a crash. If the main task waits, it is cancelled and cleans up.
"""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio


class StartInterrupt:
    """Handle SIGINT: cancel the main task if it can clean up, or else exit with 0."""

    def __init__(self) -> None:
        self.task: asyncio.Task[Any] | None = None
        self.is_starting = True

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        """Handle the signal."""
        if self.task is None or self.task.done() or (self.is_starting and _is_running(self.task)):
            os._exit(0)
        self.task.cancel()


def install() -> None:
    """Handle SIGINT with a `StartInterrupt`, unless the parent process told us to ignore it."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, StartInterrupt())


def cancel_on_interrupt(task: asyncio.Task[Any] | None) -> None:
    """Let SIGINT cancel `task` while it waits."""
    handler = signal.getsignal(signal.SIGINT)
    if isinstance(handler, StartInterrupt):
        handler.task = task


def mark_started() -> None:
    """Make SIGINT cancel the task even while its code runs, because it now has to clean up."""
    handler = signal.getsignal(signal.SIGINT)
    if isinstance(handler, StartInterrupt):
        handler.is_starting = False


def _is_running(task: asyncio.Task[Any]) -> bool:
    import asyncio

    return asyncio.current_task(task.get_loop()) is not None
