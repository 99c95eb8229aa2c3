"""Encode responses as HTTP/1.1 (RFC 9112)."""

from __future__ import annotations

import time
from collections.abc import Iterable
from email.utils import formatdate

from neurova.http.call import Field
from neurova.http.problem import reason_phrase
from neurova.http.reply import Reply
from neurova.streaming.response_stream import StreamReply

OWS = b" \t"  # optional white space around a field's value
BODILESS = frozenset([204, 304])
UNKNOWN_METHOD = "Unknown method"
# The methods that llhttp, the parser of httptools, accepts.
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


# The default Cache-Control (RFC 9111, 5.2.2.7): shared caches do not treat X-API-Key as a
# credential, so without it they could serve one caller's response to others.
PRIVATE: Field = (b"cache-control", b"private")


class StatusLines(dict[int, bytes]):
    """Cache the encoded status line, Date and constant headers (`more`) of each status."""

    def __init__(self, *more: Field) -> None:
        super().__init__()
        self._second = 0
        self._date = b""
        self._more = b"".join([_FIELD % field for field in more])

    def update_date(self) -> None:
        """Update Date; called twice a second."""
        now = int(time.time())
        if now != self._second:
            self._second = now
            self._date = formatdate(now, usegmt=True).encode()
            self.clear()

    def __missing__(self, status: int) -> bytes:
        if not self._second:
            self.update_date()
        reason = reason_phrase(status).encode()
        line = b"HTTP/1.1 %d %b\r\ndate: %b\r\n%b" % (status, reason, self._date, self._more)
        self[status] = line
        return line


def has_cache_control(fields: Iterable[Field]) -> bool:
    """Return whether the fields contain Cache-Control."""
    return any(name == b"cache-control" for name, _ in fields)


def encode(line: bytes, reply: Reply, extra: list[Field], head: bool, close: bool) -> bytes:
    """Return a complete response; `line` is from StatusLines, `extra` from the pipeline.

    `head`: the method is HEAD, so omit the body. `close`: the connection closes afterwards.
    """
    added = extra + reply.fields if reply.fields else extra
    if len(added) == 2:  # usually the rate limit fields: one format operation is faster
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
    """Return the head of a streamed response."""
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


def encode_request_head(method: str, target: bytes, version: str, fields: list[Field]) -> bytes:
    """Return the head of a request as bytes, so that it can be parsed again."""
    line = f"{method} %b HTTP/{version}\r\n".encode() % target
    return line + b"".join([_FIELD % field for field in fields]) + b"\r\n"
