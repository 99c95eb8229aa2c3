"""The interface of rate limiters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Bucket(NamedTuple):
    """The limit of one subject in one window: at most `limit` in any `seconds`.

    `name` identifies the subject, e.g. "c:acme:r:booking.create_booking" for a consumer on a route.
    Another window of the same subject is another bucket. `owner` is the caller: a cluster keeps
    all buckets of an owner on one node.
    """

    name: str
    limit: int
    seconds: int
    owner: str = ""


class Decision(NamedTuple):
    """Whether a call is admitted and, for each bucket in order, what remains.

    `remaining`: units of cost. `reset`: whole seconds after which all of the window is free again
    at the latest. `retry_after`: whole seconds (>= 1) until the call may be admitted, 0 if it was.
    """

    admitted: bool
    remaining: tuple[int, ...]
    reset: tuple[int, ...]
    retry_after: int


class Usage(NamedTuple):
    """The state of a bucket: `used` and `left` units of cost, `reset` as in `Decision`."""

    used: int
    left: int
    reset: int


class Limiter(Protocol):
    """Admit at most the limit of each bucket in any window of its length.

    `waits`: `admit` may wait for a network; on an event loop it then runs in a greenlet.
    """

    waits: bool

    async def connect(self) -> None:
        """Let calls wait on the running event loop, if `waits`."""

    def admit(self, buckets: Sequence[Bucket], cost: int = 1) -> Decision:
        """Charge `cost` to all buckets, or to none if any of them is full.

        Raises `neurova.errors.Unavailable` when the call cannot be counted.
        """

    def usage(self, buckets: Sequence[Bucket]) -> tuple[Usage, ...]:
        """Return the state of buckets; charges nothing.

        Raises `neurova.errors.Unavailable` when it cannot be read.
        """

    def close(self) -> None:
        """Close files and connections."""
