"""The interface of rate limiters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Bucket(NamedTuple):
    """The limit of one subject in one window: at most `limit` in any `seconds`.

    `name` identifies the subject, e.g. "c:acme:r:booking.create_booking" for a consumer on a route.
    Each window of a subject is a separate bucket. `owner` is the caller: a Redis Cluster keeps all
    buckets of an owner on one node.
    """

    name: str
    limit: int
    seconds: int
    owner: str = ""


class Decision(NamedTuple):
    """The result of a call to `admit`, with one value per bucket, in the given order.

    `remaining`: the remaining units of cost. `reset`: whole seconds until the full limit is
    available again, at the latest. `retry_after`: whole seconds (>= 1) until a refused call may be
    admitted; 0 for an admitted call.
    """

    admitted: bool
    remaining: tuple[int, ...]
    reset: tuple[int, ...]
    retry_after: int


class Usage(NamedTuple):
    """The state of a bucket: used and remaining (`left`) units; `reset` as in `Decision`."""

    used: int
    left: int
    reset: int


class Limiter(Protocol):
    """Admit calls up to the limit of each bucket, in any window.

    `waits`: `admit` may wait for the network, so on an event loop it must run in a greenlet.
    """

    waits: bool

    async def connect(self) -> None:
        """Use the running event loop for calls that wait, if `waits`."""

    def admit(self, buckets: Sequence[Bucket], cost: int = 1) -> Decision:
        """Charge `cost` to all buckets, or to none if any of them is full.

        Raises `neurova.errors.Unavailable` when the call cannot be counted.
        """

    def usage(self, buckets: Sequence[Bucket]) -> tuple[Usage, ...]:
        """Return the state of buckets without charging them.

        Raises `neurova.errors.Unavailable` when the state cannot be read.
        """

    def close(self) -> None:
        """Close files and connections."""
