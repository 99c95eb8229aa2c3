"""One spelling per path: what a client sent becomes one string, or is refused."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

# RFC 3986, 3.3: pchar without ";", which is read as a delimiter by some servers and not by others.
_SYNTAX = re.compile(rb"/(?:[A-Za-z0-9\-._~!$&'()*+,=:@/]|%[0-9A-Fa-f]{2})*")
_CONTROL = re.compile(rb"[\x00-\x1f\x7f/\\]")
_DOTS = re.compile(r"/\.{1,2}(?:/|$)")


class BadPath(ValueError):
    """A path that has no canonical spelling; its text may be shown to the client."""


def canonical(raw: bytes) -> str:
    """Return the one spelling of a raw path (no query), each escape decoded once.

    Raises BadPath for everything that two readers could read in two ways: an empty segment, a dot
    segment, an encoded slash or backslash, a control character, `;`, bytes that are not UTF-8.
    """
    if not _SYNTAX.fullmatch(raw):
        raise BadPath("the path holds a character that has to be percent-encoded, or is not one")
    text = raw.decode("ascii") if b"%" not in raw else _decoded(raw)
    if "//" in text:
        raise BadPath("the path has an empty segment: write one slash")
    if "/." in text and _DOTS.search(text):
        raise BadPath('the path has a "." or ".." segment: write the path it leads to')
    return text


def _decoded(raw: bytes) -> str:
    _, *escaped = raw.split(b"%")
    octets = b"".join(bytes((int(part[:2], 16),)) for part in escaped)
    if _CONTROL.search(octets):
        raise BadPath("the path has an encoded slash, backslash or control character")
    try:
        return unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError:
        raise BadPath("the path is not valid UTF-8") from None
