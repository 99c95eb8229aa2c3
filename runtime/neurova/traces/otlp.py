"""Send spans to a collector by OTLP/HTTP, as JSON: Jaeger, Tempo, the OpenTelemetry Collector."""

from __future__ import annotations

import gzip
import http.client
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec

from ..errors import ConfigError, StateError, Unavailable
from ..server_url import connect
from .span import Span, TracedSpan

TIMEOUT = 5.0  # seconds to connect, and for each read
_RETRYABLE = frozenset((429, 502, 503, 504))  # as the specification of OTLP/HTTP says
_PATH = "/v1/traces"
_STATUS_ERROR = 2


class OtlpExporter:
    """Post batches to the collector at `url`; `resource` are the attributes of this process.

    `token` is sent as bearer token. One connection is kept open.
    """

    def __init__(
        self, url: str, resource: Mapping[str, Any], token: str = "", timeout: float = TIMEOUT
    ) -> None:
        self._url = urlsplit(url)
        self._where = f"{self._url.scheme}://{self._url.netloc.rpartition('@')[2]}"
        self._resource = resource
        self._timeout = timeout
        self._headers = {"content-type": "application/json", "content-encoding": "gzip"}
        if token:
            self._headers["authorization"] = f"Bearer {token}"
        self._connection: http.client.HTTPConnection | None = None

    def export(self, spans: Sequence[TracedSpan]) -> None:
        """Send a batch. Raises Unavailable if the collector does not respond or is overloaded."""
        status, text = self._post(gzip.compress(encode(spans, self._resource), 1))
        if status in (401, 403):
            raise ConfigError(
                f"the collector refuses the credentials (status {status})",
                where=self._where,
                fix="set traces.token, by the environment",
            )
        if status in _RETRYABLE:
            raise Unavailable(f"the collector returned status {status}", where=self._where)
        if status >= 300:
            raise StateError(
                f"the collector refuses spans (status {status}): {text[:200]!r}",
                where=self._where,
                fix=f"set traces.url to a collector that takes OTLP/HTTP at {_PATH}",
            )

    def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _post(self, body: bytes) -> tuple[int, bytes]:
        if self._connection is None:
            self._connection = connect(self._url, self._timeout)
        try:
            path = self._url.path.rstrip("/") + _PATH
            self._connection.request("POST", path, body, self._headers)
            reply = self._connection.getresponse()
            return reply.status, reply.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Unavailable(
                f"the collector does not respond ({error or type(error).__name__})",
                where=self._where,
                fix="start it, or correct traces.url",
            ) from error


def encode(spans: Sequence[TracedSpan], resource: Mapping[str, Any]) -> bytes:
    """Return an ExportTraceServiceRequest as JSON."""
    scope = {"scope": {"name": "neurova"}, "spans": [_span(*each) for each in spans]}
    document = {"resource": {"attributes": _attributes(resource)}, "scopeSpans": [scope]}
    return msgspec.json.encode({"resourceSpans": [document]})


def _span(trace_id: int, span: Span) -> dict[str, Any]:
    encoded: dict[str, Any] = {
        "traceId": f"{trace_id:032x}",
        "spanId": f"{span.span_id:016x}",
        "flags": 1,
        "name": span.name,
        "kind": span.kind,
        "startTimeUnixNano": str(span.start),
        "endTimeUnixNano": str(span.end),
        "attributes": _attributes(span.attributes),
    }
    if span.parent_id:
        encoded["parentSpanId"] = f"{span.parent_id:016x}"
    if span.error:
        encoded["status"] = {"code": _STATUS_ERROR, "message": span.error}
    return encoded


def _attributes(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": name, "value": _value(value)} for name, value in values.items()]


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    return {"stringValue": str(value)}
