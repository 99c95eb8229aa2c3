"""The query of a target, decoded."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

_BROKEN = re.compile(rb"%(?![0-9A-Fa-f]{2})")

Query = dict[str, list[str]]


def parse(raw: bytes) -> Query:
    """Return the values of each name, in order; `+` is a space, a bare name is "".

    Raises ValueError for a broken percent-escape, bytes that are not UTF-8, and a NUL.
    """
    if _BROKEN.search(raw):
        raise ValueError("a % is not followed by two hexadecimal digits")
    found: Query = {}
    for part in raw.split(b"&"):
        if part:
            name, _, value = part.partition(b"=")
            found.setdefault(_decode(name), []).append(_decode(value))
    return found


def _decode(text: bytes) -> str:
    if b"+" in text:
        text = text.replace(b"+", b" ")
    if b"%" in text:
        text = unquote_to_bytes(text)
        if b"\0" in text:
            raise ValueError("it has a NUL character, which no text here may have")
    try:
        return text.decode()
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None
