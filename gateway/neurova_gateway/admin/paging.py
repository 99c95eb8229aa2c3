"""Pages of long lists."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

import msgspec

from neurova.http.problem import Reject

DEFAULT_LIMIT = 50
MAX_LIMIT = 500
INVALID_CURSOR = "Invalid cursor, start without one"
T = TypeVar("T")


class Page(msgspec.Struct, Generic[T], frozen=True):
    """Some items, and the cursor of the next page, None on the last one."""

    items: Sequence[T]
    next: str | None = None


def read_limit(query: Mapping[str, str]) -> int:
    """Return the requested page size. Raises Reject (400) if it is invalid."""
    text = query.get("limit", str(DEFAULT_LIMIT))
    if not text.isascii() or not text.isdigit() or len(text) > 6 or not 1 <= int(text) <= MAX_LIMIT:
        raise Reject(400, f"limit {text[:16]!r} is not an integer from 1 to {MAX_LIMIT}")
    return int(text)


def read_cursor(query: Mapping[str, str], shape: type[T]) -> T | None:
    """Return the decoded cursor of a query; None if the query has none. Raises Reject (400)."""
    text = query.get("cursor")
    if text is None:
        return None
    try:
        return msgspec.json.decode(urlsafe_b64decode(text.encode("ascii")), type=shape)
    except (ValueError, msgspec.DecodeError, RecursionError):
        raise Reject(400, INVALID_CURSOR) from None


def encode_cursor(position: object) -> str:
    """Encode a position in a list as a cursor."""
    return urlsafe_b64encode(msgspec.json.encode(position)).decode("ascii")


def paginate(
    items: Sequence[T], query: Mapping[str, str], key: Callable[[T], Any], shape: type = str
) -> Page[T]:
    """Return the requested page of `items`, which are sorted by `key`.

    `key` is unique per item and of type `shape`. The cursor is the key of the last item, so adding
    or removing items between two requests does not shift the pages.
    """
    limit, after = read_limit(query), read_cursor(query, shape)
    begin = 0 if after is None else bisect_right(items, after, key=key)
    page = items[begin : begin + limit]
    has_more = begin + limit < len(items)
    return Page(page, encode_cursor(key(page[-1])) if has_more else None)
