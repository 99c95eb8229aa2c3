"""The rules for Idempotency-Key: syntax, scope, and which replies are stored.

Source: draft-ietf-httpapi-idempotency-key-header. This module does no I/O.
"""

from __future__ import annotations

import re
from hashlib import sha256

from ..database.base import StoredResponse
from ..execution.failures import RETRY_AFTER
from ..http.call import Call
from ..http.problem import problem
from ..http.reply import Reply

FIELD = b"idempotency-key"
REPLAYED = (b"idempotency-replayed", b"true")
MAX_LENGTH = 255

PATTERN = (
    rf'^("([ !#-\[\]-~]|\\["\\]){{1,{MAX_LENGTH}}}"'  # a non-empty string of RFC 9651
    rf"|[!#-+\--:<-\[\]-~]{{1,{MAX_LENGTH}}})$"  # or unquoted text without `",;\`
)
"""The syntax of the header as a JSON Schema pattern; `"a"` and `a` are the same key."""

_SYNTAX = re.compile(PATTERN.encode())
_ESCAPED = re.compile(rb"\\(.)")


class InvalidKey(Exception):
    """An invalid key, or a caller who cannot use keys; the message is for the caller."""


def parse_key(call: Call) -> bytes:
    """Return the Idempotency-Key of a call. Raises InvalidKey."""
    if len(call.headers) < len(call.fields) and sum(name == FIELD for name, _ in call.fields) > 1:
        raise InvalidKey("Idempotency-Key is repeated, send one.")
    value = call.headers[FIELD].strip(b" \t")
    if _SYNTAX.fullmatch(value) is None:
        raise InvalidKey(
            f"Idempotency-Key is invalid: send 1 to {MAX_LENGTH} visible ASCII characters, plain "
            'or in double quotes, like "8e03978e-40d5-43dd-bc93-6894a57f9324".'
        )
    return _ESCAPED.sub(rb"\1", value[1:-1]) if value.startswith(b'"') else value


def scoped_key(call: Call, route: str) -> bytes:
    """Return a 32-byte digest of environment, consumer, route and key.

    Raises InvalidKey for an invalid key or an anonymous caller: all anonymous callers would share
    one scope, and could get each other's replies.
    """
    key, caller = parse_key(call), call.caller
    if caller is None or caller.anonymous:
        raise InvalidKey(
            "A public route does not accept an Idempotency-Key, since replies are stored for a "
            "consumer. Leave the header out."
        )
    names = (caller.environment, caller.consumer, route)
    return _digest(*(name.encode() for name in names), key)


def digest_request(call: Call) -> bytes:
    """Return a 32-byte digest of body, query and path parameters."""
    params = [part.encode() for pair in sorted(call.params.items()) for part in pair]
    return _digest(call.query, call.body, *params)


def _digest(*parts: bytes) -> bytes:
    # Include lengths, so that ("ab", "c") differs from ("a", "bc").
    return sha256(b"".join(b"%d:%b" % (len(part), part) for part in parts)).digest()


def is_stored(status: int) -> bool:
    """Return whether to store a reply; not 5xx and 429, so that a retry runs the function."""
    return status < 500 and status != 429


def make_record(reply: Reply, digest: bytes) -> StoredResponse | None:
    """Return the record to store for a reply, None if it is not stored."""
    if not is_stored(reply.status):
        return None
    return StoredResponse(digest, reply.status, reply.content_type, tuple(reply.fields), reply.body)


def replay(call: Call, stored: StoredResponse, digest: bytes) -> Reply:
    """Return the stored reply, or 422 if its key was used for another request."""
    if stored.fingerprint != digest:
        return problem(
            call,
            422,
            "This Idempotency-Key was used for a request with another body, query or path. Use a "
            "new key for each request.",
        )
    return Reply.of(stored.status, stored.body, stored.content_type, [*stored.fields, REPLAYED])


def in_progress_reply(call: Call) -> Reply:
    """Return the 409 for a call whose key is locked by a call in progress."""
    return problem(
        call,
        409,
        "A request with this Idempotency-Key is still in progress, retry later.",
        headers=RETRY_AFTER,
    )
