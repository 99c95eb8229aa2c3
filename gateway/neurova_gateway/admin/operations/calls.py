"""/v1/calls: the most recent calls, across all workers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from neurova.http.problem import Reject

from ...pipeline.call_records import CallRecord
from ..access_log_reader import read_backwards
from ..context import AdminContext
from ..operation import Call, operation
from ..paging import INVALID_CURSOR, Page, encode_cursor, read_cursor, read_limit

FILTERS = {
    "route": "Only calls of this function, empty for calls without a route.",
    "consumer": "Only calls of this consumer.",
    "key_id": "Only calls with this key.",
    "method": "Only calls with this method.",
    "status": "Only calls with this status, like 404, or class of statuses, like 5xx.",
    "trace_id": "Only calls of this trace.",
}
_STATUS = re.compile(r"[1-5](?:\d\d|xx)")


@operation("GET", "/v1/calls", query=FILTERS, errors=(400, 410))
def list_calls(context: AdminContext, call: Call) -> Page[CallRecord]:
    """List the most recent calls, newest first."""
    before = read_cursor(call.query, tuple[int, int])
    if before is not None and min(before) < 0:
        raise Reject(400, INVALID_CURSOR)
    limit, matches = read_limit(call.query), record_filter(call.query)
    try:
        records, position = read_backwards(context.access_log, matches, limit, before)
    except LookupError:
        raise Reject(410, "The log with these calls was deleted, start without a cursor") from None
    return Page(records, None if position is None else encode_cursor(position))


def record_filter(query: Mapping[str, str]) -> Callable[[CallRecord], bool]:
    """Return a function that matches records by a query. Raises Reject (400)."""
    filters = {name: query[name] for name in FILTERS if name in query and name != "status"}
    status = query.get("status", "")
    if status and not _STATUS.fullmatch(status):
        raise Reject(400, f'Invalid status {status[:16]!r}, use the form "404" or "5xx"')
    prefix = status.rstrip("x")

    def matches(record: CallRecord) -> bool:
        return str(record.status).startswith(prefix) and all(
            getattr(record, name) == value for name, value in filters.items()
        )

    return matches


OPERATIONS = (list_calls,)
