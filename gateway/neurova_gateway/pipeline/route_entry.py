"""A route as the gateway runs it: access check, function, log."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from neurova.http.call import Call
from neurova.http.reply import Reply

Step = Callable[[Call], Reply | None]
Invoke = Callable[[Call], Reply | Awaitable[Reply]]
Log = Callable[[Call, Reply], None]


class Handler(Protocol):
    """Answers the calls of a route: a function, a mounted app, the health check."""

    @property
    def invoke(self) -> Invoke:
        """Return the callable that answers a call; it never raises."""


class RouteEntry:
    """The function of a route, with `access` to run before it and `log` to run after it.

    Calls whose span id is below `sample_below` are sampled and continue on `traced`.
    """

    __slots__ = ("access", "invoke", "log", "name", "sample_below", "traced")

    def __init__(self, name: str, handler: Handler, access: Step, log: Log | None = None) -> None:
        self.name = name
        self.access = access
        self.log = log
        self.invoke: Invoke = handler.invoke
        self.sample_below = 0
        self.traced: RouteEntry | None = None
