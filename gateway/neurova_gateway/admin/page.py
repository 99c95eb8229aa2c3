"""Long lists, a page at a time."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from neurova.http.problem import Reject

DEFAULT = 50
MOST = 500
PARAMETERS = frozenset(["limit", "cursor"])
T = TypeVar("T")


class Page(msgspec.Struct, frozen=True):
    """Some items, and the cursor that asks for those behind them, None at the end."""

    items: Sequence[Any]
    next: str | None = None


def limit(asked: Mapping[str, str]) -> int:
    """Return how many items a query asks for. Raises Reject (400) for what is no such number."""
    text = asked.get("limit", str(DEFAULT))
    if not text.isascii() or not text.isdigit() or len(text) > 6 or not 1 <= int(text) <= MOST:
        raise Reject(400, f"limit {text[:16]!r} is not a whole number from 1 to {MOST}")
    return int(text)


def cursor(asked: Mapping[str, str], shape: type[T]) -> T | None:
    """Return what a query's cursor holds, None without one.

    Raises Reject (400) for one that was not given here.
    """
    text = asked.get("cursor")
    if text is None:
        return None
    try:
        return msgspec.json.decode(urlsafe_b64decode(text.encode("ascii")), type=shape)
    except (ValueError, msgspec.DecodeError, RecursionError):
        raise Reject(400, "that cursor was not given here: begin without one") from None


def token(place: object) -> str:
    """Return a cursor that stands for a place."""
    return urlsafe_b64encode(msgspec.json.encode(place)).decode("ascii")


def paged(
    items: Sequence[T],
    asked: Mapping[str, str],
    key: Callable[[T], Any],
    shape: type = str,
) -> tuple[Sequence[T], str | None]:
    """Return the page of `items` that a query asks for, and the cursor behind it.

    They are in the order of `key`, which is different for each and a `shape`; what is gone or new
    since the last page moves nothing.
    """
    count, after = limit(asked), cursor(asked, shape)
    begin = 0 if after is None else bisect_right(items, after, key=key)
    found = items[begin : begin + count]
    more = begin + count < len(items)
    return found, token(key(found[-1])) if more else None
