"""A route in the gateway: its access check, its function and its log step."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from neurova.http.call import Call
from neurova.http.reply import Reply

Step = Callable[[Call], Reply | None]
Invoke = Callable[[Call], Reply | Awaitable[Reply]]
Log = Callable[[Call, Reply], None]


class Handler(Protocol):
    """Handle the calls of a route: a function, a mounted app or the health check."""

    @property
    def invoke(self) -> Invoke:
        """Return the callable that handles a call; it never raises."""


class RouteEntry:
    """The function of a route, the `access` step before it and the `log` step after it.

    A call whose span id is below `sample_below` is sampled and continues on the entry `traced`.
    """

    __slots__ = ("access", "invoke", "log", "name", "sample_below", "traced")

    def __init__(self, name: str, handler: Handler, access: Step, log: Log | None = None) -> None:
        self.name = name
        self.access = access
        self.log = log
        self.invoke: Invoke = handler.invoke
        self.sample_below = 0
        self.traced: RouteEntry | None = None
