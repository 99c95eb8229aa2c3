"""Suspend the plugins of a call while one waits for the network, and serve other calls."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from neurova.http.call import Call
from neurova.http.reply import Reply

if TYPE_CHECKING:
    from .host import Chain

Invoke = Callable[[Call], Reply | Awaitable[Reply]]


class SuspendedAccess:
    """The access phases of one call, suspended in a greenlet that waits for a future.

    To wait, a plugin switches to the event loop and passes a future. `done` is resolved after all
    phases, with their reply, or None if they admit the call.
    """

    __slots__ = ("_chain", "_greenlet", "_phase", "done")

    def __init__(self, chain: Chain, greenlet: Any, future: asyncio.Future[Any]) -> None:
        self._chain = chain
        self._greenlet = greenlet
        self.done: asyncio.Future[Reply | None] = future.get_loop().create_future()
        self._wait(future)

    def _wait(self, future: asyncio.Future[Any]) -> None:
        self._phase = self._chain.suspend()
        future.add_done_callback(self._resume)

    def _resume(self, _future: asyncio.Future[Any]) -> None:
        self._chain.resume(self._phase)
        outcome = self._greenlet.switch()
        if not self._greenlet.dead:
            self._wait(outcome)
        elif not self.done.done():
            self.done.set_result(outcome)


def make_access(chain: Chain) -> Callable[[Call], Reply | None]:
    """Return the step that runs the plugins of a chain in a greenlet."""
    from greenlet import greenlet

    def access(call: Call) -> Reply | None:
        running = greenlet(chain.access)
        running.gr_context = contextvars.copy_context()
        outcome = running.switch(call)
        if running.dead:
            reply: Reply | None = outcome
            return reply
        call.pending = SuspendedAccess(chain, running, outcome)
        return None

    return access


def after_access(invoke: Invoke) -> Invoke:
    """Wrap `invoke`, so that it runs only after suspended plugins have admitted the call."""

    async def invoke_later(call: Call, pending: SuspendedAccess) -> Reply:
        refusal = await pending.done
        if refusal is not None:
            return refusal
        reply = invoke(call)
        return reply if isinstance(reply, Reply) else await reply

    def invoke_after_access(call: Call) -> Reply | Awaitable[Reply]:
        pending = call.pending
        if pending is None:
            return invoke(call)
        call.pending = None
        return invoke_later(call, pending)

    return invoke_after_access
