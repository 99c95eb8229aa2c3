"""The base class of functions and mounted apps."""

from __future__ import annotations

from collections.abc import Awaitable

from ..functions.descriptions import Http, Mount
from ..http.call import Call
from ..http.reply import Reply


class Endpoint:
    """Answer the calls of one route.

    `name` is "<service>.<handler>". `route` consists of method and path; it identifies the endpoint
    even if its name changes. `file` and `line` are the location of the handler, `doc` is its
    docstring. `generation` keeps the modules of its code alive.
    """

    __slots__ = (
        "__weakref__",
        "backoff",
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
        self.timeout = description.timeout
        self.retries = 0
        self.backoff = 0.0

    def invoke(self, call: Call) -> Reply | Awaitable[Reply]:
        """Answer one call whose body is complete; errors become replies.

        Return the reply if it is ready, else an awaitable. Cancel the awaitable when the platform
        stops, or when the client disconnects and the target `streams`.
        """
        raise NotImplementedError

    async def start(self) -> None:
        """Start the endpoint before its generation serves calls."""

    async def stop(self) -> None:
        """Wait until the calls in flight have ended, then stop the endpoint."""

    @property
    def stores_replies(self) -> bool:
        """Whether calls may have an Idempotency-Key."""
        return False

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}, {self.route}>"
