"""Freshness and revalidation of replies (RFC 9111; RFC 9110, 13)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import blake2b

from .call import Call, Field
from .reply import Reply

_DURATION = re.compile(r"(\d{1,9})(s|m|h|d)")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_LONGEST = 366 * 86_400
_ENTITY_TAG = re.compile(rb'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')
_KEY_FIELDS = (b"x-api-key", b"authorization")
_CREDENTIALS = frozenset([*_KEY_FIELDS, b"proxy-authorization", b"cookie"])
# The fields that a 304 repeats from the 200 (RFC 9110, 15.4.5).
_REPEATED = frozenset([b"cache-control", b"content-location", b"etag", b"expires", b"vary"])
PRIVATE: list[Field] = [(b"cache-control", b"private"), (b"vary", b", ".join(_KEY_FIELDS))]
"""Fields that forbid shared caches to store a reply."""


def parse_duration(text: str) -> int:
    """Return the seconds of "60s", "5m", "1h" or "30d". Raises ValueError for anything else."""
    match = _DURATION.fullmatch(text)
    seconds = int(match[1]) * _UNITS[match[2]] if match else -1
    if not 0 <= seconds <= _LONGEST:
        raise ValueError(
            f'{text!r} is not a duration: write "60s", "5m", "1h" or "30d", up to 366d'
        )
    return seconds


class NotModified(Reply):
    """A 304 reply; `whole` is the 200 that it replaces, so that later steps add fields to both."""

    __slots__ = ("whole",)

    whole: Reply


class Caching:
    """Add Cache-Control and ETag to the replies of one function, and answer revalidation.

    `varies`: the request fields that the replies depend on. Replies that are not `public`, depend
    on a credential or set a cookie are `private`. Replies with their own Cache-Control, errors and
    streams are not changed.
    """

    __slots__ = ("_control", "_private", "_vary")

    def __init__(self, duration: str, *, public: bool, varies: Iterable[bytes] = ()) -> None:
        self._private = b"private, max-age=%d" % parse_duration(duration)
        names = dict.fromkeys(varies)
        if public and _CREDENTIALS.isdisjoint(names):
            self._control = self._private.replace(b"private", b"public")
        else:
            self._control, names = self._private, dict.fromkeys([*_KEY_FIELDS, *names])
        self._vary = b", ".join(names)

    def __call__(self, call: Call, reply: Reply) -> Reply:
        """Return the reply with caching fields, or a 304 if the caller's copy is current.

        Source: RFC 9110, 13.1.2.
        """
        names = {name for name, _ in reply.fields}
        if type(reply) is not Reply or not 200 <= reply.status < 300 or b"cache-control" in names:
            return reply
        sets_cookie = any(name == b"set-cookie" for name, _ in [*reply.fields, *call.reply_fields])
        control = self._private if sets_cookie else self._control
        fields: list[Field] = [(b"cache-control", control)]
        if self._vary:
            fields.append((b"vary", self._vary))
        if reply.status == 200 and b"etag" not in names:
            # The tag is weak, because it is the same for every content coding.
            digest = blake2b(reply.content_type + b"\0" + reply.body, digest_size=12)
            fields.append((b"etag", b'W/"%b"' % digest.hexdigest().encode()))
        fields += reply.fields
        whole = Reply.of(reply.status, reply.body, reply.content_type, fields)
        if reply.status == 200 and is_current(call, dict(fields)[b"etag"]):
            return _not_modified(whole)
        return whole


def _not_modified(whole: Reply) -> NotModified:
    reply = NotModified(304)
    reply.fields = [field for field in whole.fields if field[0] in _REPEATED]
    reply.whole = whole
    return reply


def is_current(call: Call, tag: bytes) -> bool:
    """Return whether the caller's If-None-Match lists the entity tag `tag`."""
    listed = b",".join([value for name, value in call.fields if name == b"if-none-match"])
    if listed.strip() == b"*":
        return True
    opaque = tag.removeprefix(b"W/")
    return any(each.removeprefix(b"W/") == opaque for each in _ENTITY_TAG.findall(listed))
