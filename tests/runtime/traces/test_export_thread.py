"""No call waits for an exporter; traces waiting for export are bounded, lost ones counted."""

from __future__ import annotations

import gzip
import json
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from tests.conftest import LETTERS

from neurova.errors import StateError, Unavailable
from neurova.traces.export_thread import ExportThread
from neurova.traces.otlp import OtlpExporter
from neurova.traces.span import INTERNAL, Span, SpanBuffer, TracedSpan
from neurova_platform.composition.platform import Platform
from neurova_platform.settings.loading import load
from neurova_platform.testing.client import request

SPAN = Span(2, 1, "work", INTERNAL, 1_000, 2_000, {"a": 1, "b": 1.5, "c": True, "d": "x"}, "bad")


class Receiver:
    """An exporter that raises `errors` one after the other, then accepts everything."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.spans: list[TracedSpan] = []

    def export(self, spans: Sequence[TracedSpan]) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.spans += spans

    def close(self) -> None: ...


def exporting(receiver: Receiver, number: int, bound: int = 100) -> ExportThread:
    buffer = SpanBuffer(bound)
    for trace_id in range(1, number + 1):
        buffer.add(trace_id, SPAN)
    return ExportThread(buffer, lambda: receiver)


@pytest.mark.parametrize(
    ("errors", "taken", "waiting", "dropped"),
    [
        ([], 100, 0, 20),
        ([Unavailable("down")], 0, 100, 20),
        ([StateError("refused")], 0, 0, 120),
        ([ValueError("a fault of the exporter")], 0, 0, 120),
    ],
)
def test_spans_are_taken_kept_or_counted(
    errors: list[Exception], taken: int, waiting: int, dropped: int
) -> None:
    receiver = Receiver(*errors)
    thread = exporting(receiver, 120)
    thread.flush()
    assert (len(receiver.spans), thread.waiting, thread.dropped) == (taken, waiting, dropped)


def test_batch_is_exported_again_when_the_receiver_is_back() -> None:
    receiver = Receiver(Unavailable("down"), Unavailable("down"))
    thread = exporting(receiver, 3)
    for _ in range(3):
        thread.flush()
    assert [trace_id for trace_id, _ in receiver.spans] == [1, 2, 3]
    assert thread.dropped == 0


def test_stop_exports_the_rest_and_counts_what_is_left() -> None:
    receiver = Receiver()
    thread = exporting(receiver, 5)
    thread.start()
    thread.stop()
    assert len(receiver.spans) == 5
    refusing = exporting(Receiver(*[Unavailable("down")] * 9), 5)
    refusing.stop()
    assert refusing.dropped == 5


async def test_no_call_waits_for_a_collector_that_hangs(tmp_path: Path) -> None:
    """The collector accepts connections but never responds; calls continue, memory is bounded."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        flags = {
            "project.state": str(tmp_path / "state"),
            "traces.url": f"http://127.0.0.1:{silent.getsockname()[1]}",
        }
        settings = load(LETTERS, environ={}, flags=flags)
        platform = Platform(settings, environment="test", migrate=True)
        await platform.start()
        try:
            buffer = platform.traces.tracer.buffer
            assert buffer is not None
            buffer._bound = 50
            connection: list[socket.socket] = []

            async def call() -> None:
                path = "/sell/tea/ada"
                response = await request(platform.asgi, "POST", path, {"host": "test"}, b"")
                assert response.status == 204

            await call()
            accepting = threading.Thread(target=lambda: connection.append(silent.accept()[0]))
            accepting.start()
            accepting.join()  # from here on the exporter's request hangs
            for _ in range(40):
                await call()
            assert len(buffer) == 50
            assert platform.traces.dropped > 0
        finally:
            connection[0].close()
            await platform.stop()


class _Collector(BaseHTTPRequestHandler):
    received: list[tuple[str, str, bytes]]
    status: int

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.received.append((self.path, self.headers.get("authorization", ""), body))
        self.send_response(self.status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@contextmanager
def collector(status: int = 200) -> Iterator[tuple[str, list[tuple[str, str, bytes]]]]:
    """Serve an HTTP collector; yield its URL and the received traces."""
    received: list[tuple[str, str, bytes]] = []
    handler = type("Handler", (_Collector,), {"received": received, "status": status})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", received
        finally:
            server.shutdown()
            thread.join()


def test_otlp_request_has_the_form_of_the_specification() -> None:
    with collector() as (url, received):
        exporter = OtlpExporter(f"{url}/otlp/", {"service.name": "shop"}, "t0ken")
        exporter.export([(255, SPAN)])
        exporter.close()
    ((path, authorization, body),) = received
    assert (path, authorization) == ("/otlp/v1/traces", "Bearer t0ken")
    (resource,) = json.loads(gzip.decompress(body))["resourceSpans"]
    assert resource["resource"]["attributes"] == [
        {"key": "service.name", "value": {"stringValue": "shop"}}
    ]
    assert resource["scopeSpans"][0]["spans"] == [
        {
            "traceId": f"{255:032x}",
            "spanId": f"{2:016x}",
            "parentSpanId": f"{1:016x}",
            "flags": 1,
            "name": "work",
            "kind": 1,
            "startTimeUnixNano": "1000",
            "endTimeUnixNano": "2000",
            "attributes": [
                {"key": "a", "value": {"intValue": "1"}},
                {"key": "b", "value": {"doubleValue": 1.5}},
                {"key": "c", "value": {"boolValue": True}},
                {"key": "d", "value": {"stringValue": "x"}},
            ],
            "status": {"code": 2, "message": "bad"},
        }
    ]


@pytest.mark.parametrize(
    ("status", "can_retry"), [(503, True), (429, True), (400, False), (401, False), (500, False)]
)
def test_refused_batch_is_retried_only_if_the_specification_says_so(
    status: int, can_retry: bool
) -> None:
    with collector(status) as (url, _):
        exporter = OtlpExporter(url, {})
        with pytest.raises(Exception, match="collector") as raised:
            exporter.export([(1, SPAN)])
        exporter.close()
    assert isinstance(raised.value, Unavailable) is can_retry
    with pytest.raises(Unavailable, match="does not respond"):
        exporter.export([(1, SPAN)])
