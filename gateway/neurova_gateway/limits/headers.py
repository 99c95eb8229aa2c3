"""The header fields of rate limits: draft-ietf-httpapi-ratelimit-headers-11, and Retry-After."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import chain

from neurova.http.call import Field

from .base import Decision

POLICY = b"ratelimit-policy"
LIMIT = b"ratelimit"
RETRY = b"retry-after"


class Policy:
    """Format the header fields for a set of windows; use `policy` to get a cached instance.

    `field` is the RateLimit-Policy field, which is the same in every reply; `value` is its value.
    """

    __slots__ = ("_short", "_template", "_whole", "field", "value")

    def __init__(self, windows: Sequence[tuple[str, int, int]]) -> None:
        names = [_quote(name) for name, _, _ in windows]
        items = [
            f"{name};q={limit};w={seconds}"
            for name, (_, limit, seconds) in zip(names, windows, strict=True)
        ]
        self.value = ", ".join(items).encode()
        self.field: Field = (POLICY, self.value)
        shown = [name.replace("%", "%%") for name in names]
        self._template = ", ".join(f"{name};r=%d;t=%d" for name in shown).encode()
        # Precompute the common case, in which each window resets after its full length.
        self._whole = tuple(seconds for _, _, seconds in windows)
        self._short = ", ".join(
            f"{name};r=%d;t={seconds}" for name, seconds in zip(shown, self._whole, strict=True)
        ).encode()

    def fields(self, decision: Decision) -> list[Field]:
        """Return the reply fields for a decision on these windows.

        The client may use `r` more units in the next `t` seconds. In a refusal, `t` does not exceed
        Retry-After, as the draft requires.
        """
        admitted, remaining, reset, retry_after = decision
        if admitted:
            return [self.field, (LIMIT, self.format_remaining(remaining, reset))]
        limit = self.format_remaining(
            remaining, tuple(min(seconds, retry_after) for seconds in reset)
        )
        return [self.field, (LIMIT, limit), (RETRY, b"%d" % retry_after)]

    def format_remaining(self, remaining: tuple[int, ...], reset: tuple[int, ...]) -> bytes:
        """Return the value of the `ratelimit` field."""
        if reset == self._whole:
            return self._short % remaining
        return self._template % tuple(chain.from_iterable(zip(remaining, reset, strict=True)))


@lru_cache(maxsize=1024)
def policy(windows: tuple[tuple[str, int, int], ...]) -> Policy:
    """Return the policy of windows given as (name, limit, seconds), in the decision's order.

    Clients see the names, e.g. "consumer-minute", so each window needs a unique name.
    """
    return Policy(windows)


def _quote(text: str) -> str:
    """Return text as an RFC 9651 String: quoted, with ? for characters outside printable ASCII."""
    shown = "".join(c if " " <= c <= "~" else "?" for c in text)
    return '"' + shown.replace("\\", "\\\\").replace('"', '\\"') + '"'
