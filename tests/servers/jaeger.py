"""Jaeger all-in-one, built with Go: it receives OTLP/HTTP and keeps traces in memory."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any
from urllib.parse import quote

import pytest
from tests.servers.go_program import built

VARIABLE = "NEUROVA_TEST_JAEGER"  # the path of the program
TIMEOUT = 30.0  # seconds to start or answer
_PORTS = (
    "admin.http.host-port",
    "collector.otlp.http.host-port",
    "collector.otlp.grpc.host-port",
    "collector.grpc-server.host-port",
    "collector.http-server.host-port",
    "query.http-server.host-port",
    "query.grpc-server.host-port",
    "processor.jaeger-compact.server-host-port",
    "processor.jaeger-binary.server-host-port",
    "processor.zipkin-compact.server-host-port",
    "http-server.host-port",
)


class Jaeger:
    """A running Jaeger; `url` receives OTLP/HTTP."""

    def __init__(self, otlp: int, query: int) -> None:
        self.url = f"http://127.0.0.1:{otlp}"
        self._query = query

    def traces(self, service: str, limit: int = 5_000) -> dict[str, list[dict[str, Any]]]:
        """Return the spans of a service's traces by trace id, in the format of Jaeger's API."""
        answer = self.get(f"/api/traces?service={quote(service)}&limit={limit}&lookback=1h")
        return {each["traceID"].rjust(32, "0"): each["spans"] for each in answer["data"] or ()}

    def get(self, path: str) -> Any:
        """Get a resource of the query API."""
        connection = HTTPConnection("127.0.0.1", self._query, timeout=TIMEOUT)
        try:
            connection.request("GET", path)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()


@pytest.fixture(scope="session")
def jaeger() -> Iterator[Jaeger]:
    """Return a started Jaeger."""
    program = os.environ.get(VARIABLE) or built("jaeger")
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in _PORTS]
    ports = {name: each.getsockname()[1] for name, each in zip(_PORTS, sockets, strict=True)}
    for each in sockets:
        each.close()
    process = subprocess.Popen(
        [program, *(f"--{name}=127.0.0.1:{port}" for name, port in ports.items())],
        env={
            **os.environ,
            "SPAN_STORAGE_TYPE": "memory",
            "COLLECTOR_OTLP_ENABLED": "true",
            "OTEL_TRACES_SAMPLER": "always_off",
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        found = Jaeger(ports["collector.otlp.http.host-port"], ports["query.http-server.host-port"])
        end = time.monotonic() + TIMEOUT
        while not _answers(found, ports["collector.otlp.http.host-port"]):
            assert process.poll() is None, "Jaeger ended"
            assert time.monotonic() < end, "Jaeger did not start"
            time.sleep(0.05)
        yield found
    finally:
        process.kill()
        process.wait()


def _answers(jaeger: Jaeger, port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return "data" in jaeger.get("/api/services")
    except (OSError, ValueError):
        return False
