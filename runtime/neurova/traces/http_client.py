"""An HTTP client that continues the trace of the call in its requests."""

from __future__ import annotations

from typing import Any

import httpx

from .current import CURRENT, format_traceparent, record_span
from .span import CLIENT


class TracedClient(httpx.AsyncClient):
    """An `httpx.AsyncClient` that sends `traceparent` and `tracestate`, and records a span.

    A request keeps a `traceparent` that the function has set itself.
    """

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """Send a request within the current trace; see `httpx.AsyncClient.send`."""
        if CURRENT.get() is None:
            return await super().send(request, **options)
        with record_span(request.method, CLIENT) as span:
            _add_context(request)
            span.attributes |= {
                "http.request.method": request.method,
                "server.address": request.url.host,
                "server.port": request.url.port or (443 if request.url.scheme == "https" else 80),
                "url.full": str(request.url.copy_with(userinfo=b"", query=None, fragment=None)),
            }
            response = await super().send(request, **options)
            span.attributes["http.response.status_code"] = response.status_code
            if response.status_code >= 400:
                span.error = span.attributes["error.type"] = str(response.status_code)
            return response


def _add_context(request: httpx.Request) -> None:
    running = CURRENT.get()
    if running is None or "traceparent" in request.headers:
        return
    request.headers["traceparent"] = format_traceparent(running)
    if running.tracestate:
        from opentelemetry.trace import TraceState  # slow to import, and few clients send it

        state = TraceState.from_header([running.tracestate]).to_header()
        if state:
            request.headers["tracestate"] = state
