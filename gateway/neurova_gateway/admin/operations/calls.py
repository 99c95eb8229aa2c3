"""/v1/calls and /v1/logs: the most recent calls and log lines of all processes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from neurova.files.backwards import read_backwards
from neurova.http.problem import Reject
from neurova.logs.base import LogLine
from neurova.logs.search import LineFilter

from ...pipeline.call_records import CallRecord
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
LINE_FILTERS = {
    "function": "Only lines of this function or service.",
    "trace_id": "Only lines of this trace.",
    "since": "Only lines from this time on, in ISO 8601 with its zone.",
    "level": "Only lines of this level, like WARNING, and above.",
    "contains": "Only lines that contain this text, in any case.",
}
T = TypeVar("T")
_decode = msgspec.json.Decoder(CallRecord).decode
_STATUS = re.compile(r"[1-5](?:\d\d|xx)")


@operation("GET", "/v1/calls", query=FILTERS, errors=(400, 410))
def list_calls(context: AdminContext, call: Call) -> Page[CallRecord]:
    """List the most recent calls, newest first."""
    matches = record_filter(call.query)

    def decode(line: bytes) -> CallRecord | None:
        try:
            record = _decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        return record if matches(record) else None

    return _read_page(context.access_log, decode, call.query)


@operation("GET", "/v1/logs", query=LINE_FILTERS, errors=(400, 410))
def list_log_lines(context: AdminContext, call: Call) -> Page[LogLine]:
    """List the most recent log lines, newest first."""
    return _read_page(context.log_file, line_filter(call.query).decode, call.query)


def _read_page(
    file: Path, decode: Callable[[bytes], T | None], query: Mapping[str, str]
) -> Page[T]:
    before = read_cursor(query, tuple[int, int])
    if before is not None and min(before) < 0:
        raise Reject(400, INVALID_CURSOR)
    try:
        items, position = read_backwards(file, decode, read_limit(query), before)
    except LookupError:
        raise Reject(410, "The log with these lines was deleted, start without a cursor") from None
    return Page(items, None if position is None else encode_cursor(position))


def line_filter(query: Mapping[str, str]) -> LineFilter:
    """Return the log line filter that a query describes. Raises Reject (400)."""
    values = {name: query[name] for name in LINE_FILTERS if query.get(name)}
    contains = re.compile(re.escape(values.pop("contains", "")), re.IGNORECASE)
    try:
        return msgspec.structs.replace(msgspec.convert(values, LineFilter), grep=contains)
    except msgspec.ValidationError as error:
        raise Reject(400, f"Invalid filter: {error}") from None


def record_filter(query: Mapping[str, str]) -> Callable[[CallRecord], bool]:
    """Return a function that tells whether a record matches a query. Raises Reject (400)."""
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


OPERATIONS = (list_calls, list_log_lines)
