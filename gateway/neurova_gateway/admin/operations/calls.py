"""/v1/calls: the calls that were answered last, by any worker."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from neurova.http.problem import Reject

from ...pipeline.call_records import CallRecord
from ..answer import answer, query
from ..page import PARAMETERS, Page, cursor, limit, token
from ..sources import Sources
from ..tail import back

FILTERS = frozenset(["route", "consumer", "key_id", "method", "status", "trace_id"])
_STATUS = re.compile(r"[1-5](?:\d\d|xx)")


def routes(sources: Sources) -> list[Route]:
    """Return the resource of calls."""

    def calls(request: Request) -> Response:
        asked = query(request, PARAMETERS | FILTERS)
        before = cursor(asked, tuple[int, int])
        if before is not None and min(before) < 0:
            raise Reject(400, "that cursor was not given here: begin without one")
        hint = asked.get("trace_id", "").encode()
        try:
            found, place = back(sources.access, wanted(asked), limit(asked), before, hint)
        except LookupError:
            raise Reject(410, "those calls are rotated away: begin without a cursor") from None
        return answer(Page(found, None if place is None else token(place)))

    return [Route("/v1/calls", calls)]


def wanted(asked: Mapping[str, str]) -> Callable[[CallRecord], bool]:
    """Return what tells the records that a query asks for; `status` may be 404 or 4xx.

    Raises Reject (400) for what is no status.
    """
    said = {name: asked[name] for name in FILTERS & set(asked) if name != "status"}
    status = asked.get("status", "")
    if status and not _STATUS.fullmatch(status):
        raise Reject(400, f'status {status[:16]!r} is none: write it like "404" or "5xx"')
    begin = status.rstrip("x")

    def want(record: CallRecord) -> bool:
        return str(record.status).startswith(begin) and all(
            getattr(record, name) == value for name, value in said.items()
        )

    return want
