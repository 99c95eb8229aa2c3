"""Run the callbacks of a call after its reply."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from functools import partial
from inspect import isawaitable, iscoroutinefunction

from ..database.base import Callback

LOGGER = logging.getLogger("neurova")


async def run_callbacks(callbacks: Iterable[Callback], function: str, seconds: float) -> None:
    """Run callbacks in order, each for at most `seconds`; log their errors."""
    for callback in callbacks:
        try:
            async with asyncio.timeout(seconds):
                is_async = iscoroutinefunction(callback)
                result = callback() if is_async else await asyncio.to_thread(callback)
                if isawaitable(result):
                    await result
        except BaseException as error:  # SystemExit must not stop the event loop
            called = callback.func if isinstance(callback, partial) else callback
            name = getattr(called, "__qualname__", type(called).__name__)
            extra = {"neurova": {"function": function}}
            LOGGER.error(
                "%s: %s failed after the reply", function, name, exc_info=error, extra=extra
            )
            task = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and task and task.cancelling():
                raise
