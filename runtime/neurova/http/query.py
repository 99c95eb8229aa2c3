"""Decode query strings."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

_BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")

Query = dict[str, list[str]]


def parse_query(raw: bytes) -> Query:
    """Return the values of each name, in order; `+` is a space, a missing value is "".

    Raises ValueError for an invalid percent-escape, invalid UTF-8 or a NUL.
    """
    if _BROKEN_ESCAPE.search(raw):
        raise ValueError("a % is not followed by two hexadecimal digits")
    query: Query = {}
    for part in raw.split(b"&"):
        if part:
            name, _, value = part.partition(b"=")
            query.setdefault(_decode(name), []).append(_decode(value))
    return query


def _decode(text: bytes) -> str:
    if b"+" in text:
        text = text.replace(b"+", b" ")
    if b"%" in text:
        text = unquote_to_bytes(text)
        if b"\0" in text:
            raise ValueError("a name or value contains a NUL character")
    try:
        return text.decode()
    except UnicodeDecodeError:
        raise ValueError("a name or value is not UTF-8") from None
