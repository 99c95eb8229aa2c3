"""Error replies as application/problem+json (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus

import msgspec

from ..telemetry.redact import mask_secrets
from .call import Call
from .reply import Reply

PROBLEM_JSON = b"application/problem+json"
_LONGEST_INSTANCE = 256


class Fault(msgspec.Struct, frozen=True, rename={"where": "in"}):
    """One error in a request: a JSON pointer (RFC 6901) into `where`, and a message.

    `where` is "body", "path", "query", "header" or "cookie".
    """

    pointer: str
    message: str
    where: str = "body"


class Reject(Exception):
    """Refuse a call from within a function: `raise Reject(409, "The room is sold")`.

    `status` is 400 to 599; `detail` is shown to the caller; `errors` lists single faults; `headers`
    are added to the reply; `title` defaults to the reason phrase. Raises ValueError for another
    status, TypeError for values of another type.
    """

    def __init__(
        self,
        status: int,
        detail: str = "",
        *,
        errors: Sequence[Fault] = (),
        headers: Mapping[str, str] | None = None,
        title: str = "",
        type: str = "about:blank",
    ) -> None:
        super().__init__(status, detail)
        if not isinstance(status, int) or not 400 <= status <= 599:
            raise ValueError(f"Reject status {status!r} is not an error: use 400 to 599")
        if not all(isinstance(each, str) for each in (detail, title, type)):
            raise TypeError("Reject's detail, title and type are strings: use `errors` for more")
        self.status = status
        self.detail = detail
        self.errors = tuple(errors)
        if not all(isinstance(each, Fault) for each in self.errors):
            raise TypeError("Reject's errors are Faults: write Fault(pointer, message)")
        self.headers = dict(headers or {})
        self.title = title or reason_phrase(status)
        self.type = type


class _Problem(msgspec.Struct, omit_defaults=True):
    type: str
    title: str
    status: int
    detail: str = ""
    instance: str = ""
    trace_id: str = ""
    errors: tuple[Fault, ...] = ()


_encode = msgspec.json.Encoder().encode


def reason_phrase(status: int) -> str:
    """Return the reason phrase of a status, "Error" if it has none."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def problem(
    call: Call | None,
    status: int,
    detail: str = "",
    *,
    title: str = "",
    type: str = "about:blank",
    errors: Sequence[Fault] = (),
    headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
) -> Reply:
    """Return an error reply to `call`; secrets in its texts are masked."""
    instance, trace_id = ("", "") if call is None else _identify(call)
    masked = tuple(
        Fault(mask_secrets(each.pointer), mask_secrets(each.message), each.where) for each in errors
    )
    content = _Problem(
        mask_secrets(type),
        mask_secrets(title) or reason_phrase(status),
        status,
        mask_secrets(detail),
        instance,
        trace_id,
        masked,
    )
    reply = Reply(status, _encode(content), headers)
    reply.content_type = PROBLEM_JSON
    return reply


def complete_problem(call: Call, reply: Reply) -> None:
    """Add `instance` and `trace_id`, which plugins do not know, to a plugin's problem."""
    body = reply.body
    if reply.content_type == PROBLEM_JSON and body[-1:] == b"}" and b'"trace_id":' not in body:
        instance, trace_id = _identify(call)
        added = _encode({"instance": instance, "trace_id": trace_id})
        reply.body = b"%b,%b" % (body[:-1], added[1:])


def _identify(call: Call) -> tuple[str, str]:
    """Return the path and the trace id of a call."""
    instance = mask_secrets(call.raw_path.decode("ascii", "replace"))[:_LONGEST_INSTANCE]
    return instance, f"{call.trace_id:032x}" if call.trace_id else ""


def problem_from_reject(call: Call | None, reject: Reject) -> Reply:
    """Return the reply for a `Reject` that a function raised."""
    return problem(
        call,
        reject.status,
        reject.detail,
        title=reject.title,
        type=reject.type,
        errors=reject.errors,
        headers=reject.headers,
    )
