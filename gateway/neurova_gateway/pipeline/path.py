"""Decode a raw path to its canonical form, or refuse it if it is ambiguous."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

# RFC 3986, 3.3: pchar without ";", which only some servers treat as a delimiter.
_SYNTAX = re.compile(rb"/(?:[A-Za-z0-9\-._~!$&'()*+,=:@/]|%[0-9A-Fa-f]{2})*")
_CONTROL = re.compile(rb"[\x00-\x1f\x7f/\\]")
_DOTS = re.compile(r"/\.{1,2}(?:/|$)")


class BadPath(ValueError):
    """A path without a canonical form; the message is sent to the client."""


def canonicalize(raw: bytes) -> str:
    """Return the canonical form of a raw path (without query), with each escape decoded once.

    Raises BadPath for every ambiguity: an empty segment, a dot segment, an encoded slash or
    backslash, a control character, `;`, bytes that are not UTF-8.
    """
    if not _SYNTAX.fullmatch(raw):
        raise BadPath("Path contains an invalid or unencoded character, percent-encode it")
    text = raw.decode("ascii") if b"%" not in raw else _decoded(raw)
    if "//" in text:
        raise BadPath("Path contains an empty segment, use a single slash")
    if "/." in text and _DOTS.search(text):
        raise BadPath('Path contains a "." or ".." segment, send the path without it')
    return text


def _decoded(raw: bytes) -> str:
    _, *escaped = raw.split(b"%")
    decoded = bytes(int(part[:2], 16) for part in escaped)
    if _CONTROL.search(decoded):
        raise BadPath("Path contains an encoded slash, backslash or control character")
    try:
        return unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError:
        raise BadPath("Path is not valid UTF-8") from None
