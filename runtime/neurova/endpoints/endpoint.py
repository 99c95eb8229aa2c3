"""The base of what the gateway calls."""

from __future__ import annotations

from collections.abc import Awaitable

from ..functions.descriptions import Http, Mount
from ..http.call import Call
from ..http.reply import Reply
from ..overload.cost import Cost


class Endpoint:
    """Answer the calls of one route.

    `name` is "<service>.<handler>"; `route` is its method and path, which identify it even after it
    was renamed. `file` and `line` say where it is written, `doc` what its author says about it.
    `waits`: a call may be answered later. `cost` is what a call costs the event loop. `generation`
    keeps the modules of its code alive.
    """

    __slots__ = (
        "__weakref__",
        "backoff",
        "cost",
        "description",
        "doc",
        "file",
        "generation",
        "line",
        "name",
        "retries",
        "route",
        "service",
        "timeout",
    )
    description: Http | Mount
    waits = True

    def __init__(
        self,
        name: str,
        service: str,
        description: Http | Mount,
        *,
        file: str,
        line: int,
        doc: str,
        generation: object = None,
    ) -> None:
        self.name = name
        self.service = service
        self.description = description
        self.route = f"{description.method_label} {description.template}"
        self.file = file
        self.line = line
        self.doc = doc
        self.generation = generation
        self.cost = Cost()
        self.timeout = description.timeout
        self.retries = 0
        self.backoff = 0.0

    def invoke(self, call: Call) -> Reply | Awaitable[Reply]:
        """Answer one call whose body is complete; errors become replies.

        Returns the reply itself when nothing has to be waited for, else an awaitable that may be
        cancelled when nobody waits for the reply any more.
        """
        raise NotImplementedError

    async def start(self) -> None:
        """Start what lives as long as its generation serves calls."""

    async def stop(self) -> None:
        """Stop it when the calls in flight have ended."""

    @property
    def stores_replies(self) -> bool:
        """Whether calls may have an Idempotency-Key, under which the reply is stored."""
        return False

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}, {self.route}>"
