"""The reply of a function, and the rules for header fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from .call import Field

JSON = b"application/json"
RESET_CONTENT = 205
"""The only status with Content-Length but without content (RFC 9110, 15.3.6)."""
TOKEN_CHARACTERS = frozenset(b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")
"""The characters of field names in lower case (RFC 9110, 5.6.2)."""
CONTROL_CHARACTERS = frozenset([*range(9), *range(10, 32), 127])
FRAMING = frozenset([b"content-length", b"transfer-encoding", b"connection", b"date"])
"""Fields that only the server sets."""
_HOP_BY_HOP = FRAMING | {b"keep-alive", b"proxy-connection", b"te", b"trailer", b"upgrade"}


class Reply:
    """Answer with a status, a body and header fields.

    `body`: bytes are sent unchanged, str as UTF-8 text, None as an empty body, the rest as JSON.
    `headers`: a mapping, or pairs if a name repeats; names in any case.
    Raises ValueError for a status outside 200-599 or a field with a control character.
    """

    __slots__ = ("body", "content_type", "fields", "status")

    def __init__(
        self,
        status: int = 200,
        body: object = None,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    ) -> None:
        if not 200 <= status <= 599:
            raise ValueError(f"Reply status {status!r} is not a final status: use 200 to 599")
        self.status = status
        self.content_type = b""
        if body is None or status == RESET_CONTENT:
            self.body = b""
        elif isinstance(body, bytes):
            self.body, self.content_type = body, b"application/octet-stream"
        elif isinstance(body, str):
            self.body, self.content_type = body.encode(), b"text/plain; charset=utf-8"
        else:
            self.body, self.content_type = msgspec.json.encode(body), JSON
        self.fields: list[Field] = []
        if headers:
            self._add(headers.items() if isinstance(headers, Mapping) else headers)

    def _add(self, headers: Iterable[tuple[str, str]]) -> None:
        for name, text in headers:
            lower, value = name.lower().encode("ascii"), text.encode("latin-1")
            if not is_valid_field(lower, value):
                raise ValueError(f"Reply header {name!r} has a character that HTTP forbids")
            if lower == b"content-type":
                self.content_type = value
            elif lower in FRAMING:
                raise ValueError(f"Reply header {name!r} is set by the server: leave it out")
            else:
                self.fields.append((lower, value))

    @classmethod
    def of(cls, status: int, body: bytes, content_type: bytes, fields: list[Field]) -> Reply:
        """Build a reply without checking its parts."""
        reply = cls.__new__(cls)
        reply.status = status
        reply.body = body
        reply.content_type = content_type
        reply.fields = fields
        return reply

    def __repr__(self) -> str:
        return f"<Reply {self.status}, {len(self.body)} bytes>"


def is_token(name: object) -> bool:
    """Return whether a string is a valid name of a method, field or cookie (RFC 9110, 5.6.2)."""
    if not isinstance(name, str) or not name or not name.isascii():
        return False
    return TOKEN_CHARACTERS.issuperset(name.lower().encode())


def is_valid_field(name: bytes, value: bytes) -> bool:
    """Return whether HTTP allows a field with this lower-case name and this value."""
    return bool(name) and TOKEN_CHARACTERS.issuperset(name) and CONTROL_CHARACTERS.isdisjoint(value)


def parse_response_head(
    raw: Iterable[tuple[bytes, bytes]],
) -> tuple[bytes, int | None, list[Field]]:
    """Return Content-Type, Content-Length and the other fields of an app's response.

    Hop-by-hop fields are dropped (RFC 9110, 7.6.1). Raises ValueError for an invalid field.
    """
    content_type, length, fields = b"", None, list[Field]()
    dropped = _HOP_BY_HOP
    for name, value in raw:
        name = bytes(name).lower()
        value = bytes(value).strip(b" \t")
        if not is_valid_field(name, value):
            raise ValueError(f"the field {name!r} of a reply has a character that HTTP forbids")
        if name == b"content-type":
            content_type = value
        elif name == b"content-length":
            length = int(value) if value.isdigit() else None
        elif name == b"connection":
            dropped = dropped | {token.strip().lower() for token in value.split(b",")}
        else:
            fields.append((name, value))
    return content_type, length, [field for field in fields if field[0] not in dropped]
