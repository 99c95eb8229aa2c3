"""Idempotency-Key: its form, what it stands for, and which answers are kept under it.

draft-ietf-httpapi-idempotency-key-header. Nothing here waits or writes: `keyed.py` does.
"""

from __future__ import annotations

import re
from hashlib import sha256

from ..database.base import StoredResponse
from ..execution.replies import RETRY_AFTER
from ..http.call import Call
from ..http.problem import problem
from ..http.reply import Reply

FIELD = b"idempotency-key"
REPLAYED = (b"idempotency-replayed", b"true")
LONGEST = 255

PATTERN = (
    rf'^("([ !#-\[\]-~]|\\["\\]){{1,{LONGEST}}}"'  # a string of RFC 9651, not empty
    rf"|[!#-+\--:<-\[\]-~]{{1,{LONGEST}}})$"  # or bare, without quote, comma, semicolon, backslash
)
"""How the field is written, as a JSON Schema's pattern; `"a"` and `a` are one key."""

_FORM = re.compile(PATTERN.encode())
_ESCAPED = re.compile(rb"\\(.)")


class BadKey(Exception):
    """A field that is no key, or a caller who can have none; the message is for the caller."""


def key_of(call: Call) -> bytes:
    """Return the key that a call has in its field. Raises BadKey."""
    if len(call.headers) < len(call.fields) and sum(name == FIELD for name, _ in call.fields) > 1:
        raise BadKey("Send one Idempotency-Key: there are more.")
    value = call.headers[FIELD].strip(b" \t")
    if _FORM.fullmatch(value) is None:
        raise BadKey(
            f"Idempotency-Key is no key: send 1 to {LONGEST} visible ASCII characters, plain or in "
            'double quotes, like "8e03978e-40d5-43dd-bc93-6894a57f9324".'
        )
    return _ESCAPED.sub(rb"\1", value[1:-1]) if value.startswith(b'"') else value


def scope(call: Call, route: str) -> bytes:
    """Return what the call's key means: 32 octets, other ones for other consumers and routes.

    Raises BadKey, also for a caller who is nobody: two of them could not be told apart, and one
    would be given the other's answer.
    """
    key, caller = key_of(call), call.caller
    if caller is None or caller.anonymous:
        raise BadKey(
            "Idempotency-Key is not offered here: answers are kept for a consumer, and who calls a "
            "public route is not known. Leave the field out."
        )
    names = (caller.environment, caller.consumer, route)
    return _digest(*(name.encode() for name in names), key)


def fingerprint(call: Call) -> bytes:
    """Return 32 octets that are others for another body, query or path."""
    params = [part.encode() for pair in sorted(call.params.items()) for part in pair]
    return _digest(call.query, call.body, *params)


def _digest(*parts: bytes) -> bytes:
    # With each length: "ab", "c" is not "a", "bc".
    return sha256(b"".join(b"%d:%b" % (len(part), part) for part in parts)).digest()


def lasting(status: int) -> bool:
    """Tell whether an answer is given again, not worked out anew: no 5xx and no 429 is."""
    return status < 500 and status != 429


def kept(reply: Reply, print_: bytes) -> StoredResponse | None:
    """Return what is kept of an answer, None when nothing is."""
    if not lasting(reply.status):
        return None
    return StoredResponse(print_, reply.status, reply.content_type, tuple(reply.fields), reply.body)


def again(call: Call, stored: StoredResponse, print_: bytes) -> Reply:
    """Return the answer that is kept, or the refusal of another request under its key."""
    if stored.fingerprint != print_:
        return problem(
            call,
            422,
            "This Idempotency-Key was used for a request with another body, query or path: give "
            "each request a key of its own.",
        )
    return Reply.of(stored.status, stored.body, stored.content_type, [*stored.fields, REPLAYED])


def outstanding(call: Call) -> Reply:
    """Return the refusal of a call whose key another one still has."""
    return problem(
        call,
        409,
        "A request with this Idempotency-Key is still being answered: try again.",
        headers=RETRY_AFTER,
    )
