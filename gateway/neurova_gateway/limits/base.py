"""The port of the rate limiter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Bucket(NamedTuple):
    """Count calls of one subject against one window: at most `limit` in any `seconds`.

    `name` identifies the subject, e.g. "c:acme:r:booking.create_booking" for a consumer on a route;
    buckets with another window of the same subject are other buckets.
    """

    name: str
    limit: int
    seconds: int


class Decision(NamedTuple):
    """Tell whether a call is admitted and, per bucket in order, what is left.

    `remaining` units of cost; `reset` whole seconds until all of the window's quota may be used
    again at the latest; `retry_after` whole seconds (>= 1) until the call may be admitted, 0 if it
    was.
    """

    admitted: bool
    remaining: tuple[int, ...]
    reset: tuple[int, ...]
    retry_after: int


class Usage(NamedTuple):
    """Tell how a bucket stands: `used` and `left` units of cost, `reset` as in a `Decision`."""

    used: int
    left: int
    reset: int


class Limiter(Protocol):
    """Admit calls so that in any window of the stated length never more than the limit pass."""

    def admit(self, buckets: Sequence[Bucket], cost: int = 1) -> Decision:
        """Charge `cost` to all buckets, or to none if any of them is full.

        Raises `neurova.errors.Unavailable` when the count cannot be kept; never admits uncounted.
        """

    def usage(self, buckets: Sequence[Bucket]) -> tuple[Usage, ...]:
        """Return how buckets stand; nothing is charged.

        Raises `neurova.errors.Unavailable` when that cannot be told.
        """

    def close(self) -> None:
        """Let go of files and connections."""
