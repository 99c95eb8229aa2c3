"""Send log lines to Elasticsearch or OpenSearch, into one index a day."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from secrets import token_hex
from typing import Any

import msgspec

from ..errors import StateError, Unavailable
from .base import Encoded
from .http import CORRECT_URL, TIMEOUT, HttpEndpoint

LOGGER = logging.getLogger("neurova.logs")
TEMPLATE = "neurova-logs"
_KEYWORD = {"type": "keyword", "ignore_above": 1024}
_KEYWORDS = ("level", "logger", "trace_id", "function", "service", "consumer", "version")
_CREATED, _EXISTS = 201, 409


class _Outcome(msgspec.Struct):
    status: int
    error: Any = None


class _BulkReply(msgspec.Struct):
    errors: bool
    items: list[dict[str, _Outcome]] = []


class ElasticsearchStore:
    """Write to the server at `url`. The first batch creates the index template.

    Documents keep their ids when a batch is sent again, so a retry adds no duplicates.
    """

    def __init__(self, url: str, timeout: float = TIMEOUT) -> None:
        self._endpoint = HttpEndpoint(url, timeout)
        self._has_template = False
        self._prefix = token_hex(8)
        self._batch = 0

    def write(self, lines: Sequence[Encoded]) -> int:
        """Index lines; return the number of refused ones. Raises Unavailable, StateError."""
        if not self._has_template:
            self._put_template()
            self._has_template = True
        status, text = self._endpoint.send(
            "POST", "/_bulk?filter_path=errors,items.*.status,items.*.error.reason",
            self._bulk(lines), "application/x-ndjson",
        )  # fmt: skip
        if status >= 300:
            raise StateError(f"refuses lines (status {status})", where=self._endpoint.where)
        refused = self._count_refused(msgspec.json.decode(text, type=_BulkReply))
        self._batch += 1
        return refused

    def check(self) -> str:
        """Return the server's name and version. Raises Unavailable."""
        name, version = self._product()
        return f"{self._endpoint.where}: {name} {version}"

    def _bulk(self, lines: Sequence[Encoded]) -> bytes:
        parts = []
        for number, (line, json) in enumerate(lines):
            index = f"{TEMPLATE}-{line.time:%Y.%m.%d}"
            id = f"{self._prefix}-{self._batch}-{number}"
            parts += [msgspec.json.encode({"create": {"_index": index, "_id": id}}), json]
        return b"\n".join([*parts, b""])

    def _count_refused(self, reply: _BulkReply) -> int:
        outcomes = [outcome for item in reply.items for outcome in item.values()]
        failed = [each for each in outcomes if each.status not in (200, _CREATED, _EXISTS)]
        if any(each.status == 429 or each.status >= 500 for each in failed):
            what = "the log store is overloaded"
            raise Unavailable(what, where=self._endpoint.where, fix="give it more resources")
        if failed:
            LOGGER.error("%s refuses lines: %s", self._endpoint.where, failed[0].error)
        return len(failed)

    def _put_template(self) -> None:
        # This field type accepts values of any type; its name differs between the two products.
        fields = "flat_object" if self._product()[0] == "opensearch" else "flattened"
        body = msgspec.json.encode(make_template(fields))
        status, text = self._endpoint.send("PUT", f"/_index_template/{TEMPLATE}", body)
        if status >= 300:
            what = f"the index template is refused: {text[:300].decode(errors='replace')}"
            raise Unavailable(what, where=self._endpoint.where, fix=CORRECT_URL)

    def _product(self) -> tuple[str, str]:
        status, text = self._endpoint.send("GET", "/")
        try:
            version = msgspec.json.decode(text)["version"]
            return version.get("distribution", "elasticsearch"), version["number"]
        except (msgspec.DecodeError, KeyError, TypeError, AttributeError):
            what = f"the server is neither Elasticsearch nor OpenSearch (status {status})"
            raise Unavailable(what, where=self._endpoint.where, fix=CORRECT_URL) from None


def make_template(type_of_fields: str) -> dict[str, Any]:
    """Return the index template; unknown fields are stored but not indexed."""
    properties: dict[str, Any] = {
        "time": {"type": "date"},
        "message": {"type": "text"},
        "traceback": {"type": "text"},
        "fields": {"type": type_of_fields},
    }
    properties |= dict.fromkeys(_KEYWORDS, _KEYWORD)
    return {
        "index_patterns": [f"{TEMPLATE}-*"],
        "template": {"mappings": {"dynamic": False, "properties": properties}},
    }
