"""A route as the gateway runs it: access check, function, log."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from copy import copy
from time import perf_counter
from typing import Protocol

from neurova.http.call import Call
from neurova.http.reply import Reply
from neurova.overload.cost import Cost

Step = Callable[[Call], Reply | None]
Invoke = Callable[[Call], Reply | Awaitable[Reply]]
Log = Callable[[Call, Reply], None]


class Handler(Protocol):
    """Answers the calls of a route: a function, a mounted app, the health check."""

    @property
    def invoke(self) -> Invoke:
        """Return the callable that answers a call; it never raises."""

    @property
    def cost(self) -> Cost:
        """Return the measured event-loop time of a call."""

    @property
    def waits(self) -> bool:
        """Return whether calls are answered later; the handler then measures their cost itself."""


class RouteEntry:
    """The function of a route, with `access` to run before it and `log` to run after it."""

    __slots__ = ("access", "cost", "invoke", "log", "name", "waits")

    def __init__(self, name: str, handler: Handler, access: Step, log: Log | None = None) -> None:
        self.name = name
        self.access = access
        self.log = log
        self.invoke: Invoke = handler.invoke
        self.cost, self.waits = handler.cost, handler.waits

    def measured(self) -> RouteEntry:
        """Return the same route, measuring the cost of a call that is answered at once."""
        invoke, cost = self.invoke, self.cost

        def invoke_measured(call: Call) -> Reply | Awaitable[Reply]:
            began = perf_counter()
            reply = invoke(call)
            if isinstance(reply, Reply) and reply.status < 400:  # skip errors, which cost less
                cost.record(perf_counter() - began)
            return reply

        entry = copy(self)
        entry.invoke = invoke_measured
        return entry
