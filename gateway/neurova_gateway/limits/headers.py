"""The header fields of rate limits: draft-ietf-httpapi-ratelimit-headers-11, and Retry-After."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import chain

from neurova.call import Field

from .base import Decision

POLICY = b"ratelimit-policy"
LIMIT = b"ratelimit"
RETRY = b"retry-after"


class Policy:
    """Write the fields of one set of windows.

    `field` is the policy itself, the same for every reply. Made by `policy`, which remembers it.
    """

    __slots__ = ("_template", "field")

    def __init__(self, windows: Sequence[tuple[str, int, int]]) -> None:
        names = [_string(name) for name, _, _ in windows]
        items = [
            f"{name};q={limit};w={seconds}"
            for name, (_, limit, seconds) in zip(names, windows, strict=True)
        ]
        self.field: Field = (POLICY, ", ".join(items).encode())
        self._template = ", ".join(f"{n.replace('%', '%%')};r=%d;t=%d" for n in names).encode()

    def fields(self, decision: Decision) -> list[Field]:
        """Return the fields that a decision on these windows gives its reply.

        `t` is how long no more than `r` can be used. On a refusal it ends with Retry-After at the
        latest, as the draft asks.
        """
        admitted, remaining, reset, retry_after = decision
        if not admitted:
            reset = tuple(min(seconds, retry_after) for seconds in reset)
        limit = self._template % tuple(chain.from_iterable(zip(remaining, reset, strict=True)))
        if admitted:
            return [self.field, (LIMIT, limit)]
        return [self.field, (LIMIT, limit), (RETRY, b"%d" % retry_after)]


@lru_cache(maxsize=1024)
def policy(windows: tuple[tuple[str, int, int], ...]) -> Policy:
    """Return the policy of windows given as (name, limit, seconds), in the decision's order.

    A name is what a client knows the window by, e.g. "consumer-minute"; give each another one.
    """
    return Policy(windows)


def _string(text: str) -> str:
    """Return a String of RFC 9651: printable ASCII in quotes, ? for all else."""
    shown = "".join(c if " " <= c <= "~" else "?" for c in text)
    return '"' + shown.replace("\\", "\\\\").replace('"', '\\"') + '"'
