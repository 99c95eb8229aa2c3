"""Replies as the octets of HTTP/1.1 (RFC 9112)."""

from __future__ import annotations

import time
from email.utils import formatdate

from neurova.call import Field
from neurova.problem import phrase
from neurova.reply import Reply

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class StatusLines:
    """Give the status line with the Date field, made once a second."""

    def __init__(self) -> None:
        self._made = 0
        self._lines: dict[int, bytes] = {}
        self._date = b""

    def tick(self) -> None:
        """Move the date on; called about once a second."""
        now = int(time.time())
        if now != self._made:
            self._made = now
            self._date = formatdate(now, usegmt=True).encode()
            self._lines.clear()

    def line(self, status: int) -> bytes:
        """Return `HTTP/1.1 200 OK` with its line end and the Date field."""
        line = self._lines.get(status)
        if line is None:
            if not self._made:
                self.tick()
            line = b"HTTP/1.1 %d %b\r\ndate: %b\r\n" % (status, phrase(status).encode(), self._date)
            self._lines[status] = line
        return line


def encode(line: bytes, reply: Reply, extra: list[Field], head: bool, close: bool) -> bytes:
    """Return a whole reply: `line` from StatusLines, `extra` fields the way added to it.

    `head`: the call was HEAD, so there is no body; `close`: the connection ends with this reply.
    """
    added = extra + reply.fields if reply.fields else extra
    fields = b"".join([b"%b: %b\r\n" % field for field in added]) if added else b""
    if close:
        fields += b"connection: close\r\n"
    if reply.status == 204 or reply.status == 304:
        return b"%b%b\r\n" % (line, fields)
    if reply.content_type:
        fields = b"content-type: %b\r\n%b" % (reply.content_type, fields)
    body = reply.body
    return b"%b%bcontent-length: %d\r\n\r\n%b" % (line, fields, len(body), b"" if head else body)
