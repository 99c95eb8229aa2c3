"""How long a reply stays fresh, and whether its caller has it already (RFC 9111, RFC 9110, 13)."""

from __future__ import annotations

import re
from hashlib import blake2b

from .call import Call, Field
from .reply import Reply

_DURATION = re.compile(r"(\d{1,9})(s|m|h|d)")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_YEAR = 366 * 86_400
_TAG = re.compile(rb'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')
_KEYS = b"x-api-key, authorization"
PRIVATE: list[Field] = [(b"cache-control", b"private"), (b"vary", _KEYS)]
"""What a reply says that only its caller may keep."""


def parse_duration(text: str) -> int:
    """Return the seconds of "60s", "5m", "1h" or "30d". Raises ValueError for anything else."""
    match = _DURATION.fullmatch(text)
    found = int(match[1]) * _UNITS[match[2]] if match else -1
    if not 0 <= found <= _YEAR:
        raise ValueError(
            f'{text!r} is not a duration: write "60s", "5m", "1h" or "30d", up to 366d'
        )
    return found


class Unchanged(Reply):
    """A 304, and the 200 it stands for: what a door adds to that, it adds to this."""

    __slots__ = ("whole",)

    whole: Reply


class Caching:
    """Mark the replies of one function as fresh for a while.

    A reply that needs a key, or sets a cookie, is `private`: only its caller may keep it. One that
    says its own Cache-Control is left as it is, and so is a failure or a stream.
    """

    __slots__ = ("_control", "_keyed", "_own")

    def __init__(self, duration: str, *, public: bool) -> None:
        self._own = b"private, max-age=%d" % parse_duration(duration)
        self._control = self._own.replace(b"private", b"public") if public else self._own
        self._keyed = not public

    def __call__(self, call: Call, reply: Reply) -> Reply:
        """Return the reply with its fields, or 304 when the caller has it (RFC 9110, 13.1.2)."""
        names = {name for name, _ in reply.fields}
        if type(reply) is not Reply or not 200 <= reply.status < 300 or b"cache-control" in names:
            return reply
        own = not self._keyed and b"set-cookie" in names
        fields: list[Field] = [(b"cache-control", self._own if own else self._control)]
        if self._keyed:
            fields.append((b"vary", _KEYS))
        if reply.status == 200 and b"etag" not in names:
            # Weak: the same in whatever coding it is sent.
            digest = blake2b(reply.content_type + b"\0" + reply.body, digest_size=12)
            fields.append((b"etag", b'W/"%b"' % digest.hexdigest().encode()))
        fields += reply.fields
        whole = Reply.of(reply.status, reply.body, reply.content_type, fields)
        if reply.status == 200 and _has(call, dict(fields)[b"etag"]):
            unchanged = Unchanged()
            unchanged.status, unchanged.whole = 304, whole
            unchanged.fields = [each for each in fields if each[0] in _KEPT]
            return unchanged
        return whole


# RFC 9110, 15.4.5: what a 304 says again.
_KEPT = frozenset([b"cache-control", b"content-location", b"etag", b"expires", b"vary"])


def _has(call: Call, tag: bytes) -> bool:
    asked = b",".join([value for name, value in call.fields if name == b"if-none-match"])
    if not asked:
        return False
    if asked.strip() == b"*":
        return True
    opaque = tag.removeprefix(b"W/")
    return any(each.removeprefix(b"W/") == opaque for each in _TAG.findall(asked))
