"""Replies as the octets of HTTP/1.1 (RFC 9112)."""

from __future__ import annotations

import time
from collections.abc import Iterable
from email.utils import formatdate

from neurova.http.call import Field
from neurova.http.problem import phrase
from neurova.http.reply import Reply
from neurova.streaming.response_stream import StreamReply

BODILESS = frozenset([204, 304])
UNKNOWN_METHOD = "that method is not known here"
# What the parser of the other door, llhttp, takes.
METHODS = frozenset([
    "ACL", "BIND", "CHECKOUT", "CONNECT", "COPY", "DELETE", "GET", "HEAD", "LINK", "LOCK",
    "M-SEARCH", "MERGE", "MKACTIVITY", "MKCALENDAR", "MKCOL", "MOVE", "NOTIFY", "OPTIONS",
    "PATCH", "POST", "PROPFIND", "PROPPATCH", "PURGE", "PUT", "QUERY", "REBIND", "REPORT",
    "SEARCH", "SOURCE", "SUBSCRIBE", "TRACE", "UNBIND", "UNLINK", "UNLOCK", "UNSUBSCRIBE",
])  # fmt: skip
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_FIELD = b"%b: %b\r\n"
_TWO = _FIELD * 2
_WHOLE = b"%bcontent-type: %b\r\n%bcontent-length: %d\r\n\r\n%b"


# RFC 9111, 5.2.2.7: what a reply says when nobody has said who may keep it. To a shared cache
# X-API-Key is no credential: it would give one caller's reply to all.
PRIVATE: Field = (b"cache-control", b"private")


class StatusLines(dict[int, bytes]):
    """Give a status line, Date and `more` fields as octets; made once a second a status."""

    def __init__(self, *more: Field) -> None:
        super().__init__()
        self._made = 0
        self._date = b""
        self._more = b"".join([_FIELD % field for field in more])

    def tick(self) -> None:
        """Move the date on; called about once a second."""
        now = int(time.time())
        if now != self._made:
            self._made = now
            self._date = formatdate(now, usegmt=True).encode()
            self.clear()

    def __missing__(self, status: int) -> bytes:
        if not self._made:
            self.tick()
        said = phrase(status).encode()
        line = b"HTTP/1.1 %d %b\r\ndate: %b\r\n%b" % (status, said, self._date, self._more)
        self[status] = line
        return line


def says_caching(fields: Iterable[Field]) -> bool:
    """Tell whether a reply says itself who may keep it."""
    return any(name == b"cache-control" for name, _ in fields)


def encode(line: bytes, reply: Reply, extra: list[Field], head: bool, close: bool) -> bytes:
    """Return a whole reply: `line` from StatusLines, `extra` fields the way added to it.

    `head`: the call was HEAD, so there is no body; `close`: the connection ends with this reply.
    """
    added = extra + reply.fields if reply.fields else extra
    if len(added) == 2:  # as nearly always, by the limits: one format costs less than two
        one, other = added
        fields = _TWO % (one + other)
    else:
        fields = b"".join([_FIELD % field for field in added])
    if close:
        fields += b"connection: close\r\n"
    if reply.status == 204 or reply.status == 304:
        return b"%b%b\r\n" % (line, fields)
    body, content_type = reply.body, reply.content_type
    if content_type and not head:
        return _WHOLE % (line, content_type, fields, len(body), body)
    if content_type:
        fields = b"content-type: %b\r\n%b" % (content_type, fields)
    return b"%b%bcontent-length: %d\r\n\r\n%b" % (line, fields, len(body), b"" if head else body)


def encode_head(
    line: bytes, reply: StreamReply, extra: list[Field], close: bool, chunked: bool
) -> bytes:
    """Return the head of a reply whose body comes after it; without a length it is `chunked`."""
    fields = [*extra, *reply.fields]
    if reply.content_type:
        fields.insert(0, (b"content-type", reply.content_type))
    if reply.status not in BODILESS:
        if reply.length is not None:
            fields.append((b"content-length", b"%d" % reply.length))
        elif chunked:
            fields.append((b"transfer-encoding", b"chunked"))
    if close:
        fields.append((b"connection", b"close"))
    return b"%b%b\r\n" % (line, b"".join([_FIELD % field for field in fields]))
