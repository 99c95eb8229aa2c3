"""Toxiproxy, a TCP proxy; tests add and remove its faults ("toxics"). Built with Go."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.servers.go_program import built

VARIABLE = "NEUROVA_TEST_TOXIPROXY"  # the path of the program
TIMEOUT = 30.0  # seconds to start or answer


class Proxy:
    """A proxy in front of a server; `url` is the server's URL with the proxy's address."""

    def __init__(self, api: Toxiproxy, name: str, url: str) -> None:
        self.url = url
        self._api = api
        self._path = f"/proxies/{name}"

    def enable(self, is_enabled: bool) -> None:
        """Accept connections; if false, close all of them and refuse new ones."""
        self._api.request("POST", self._path, enabled=is_enabled)

    @contextmanager
    def toxic(self, kind: str, stream: str, **attributes: int) -> Iterator[None]:
        """Add a toxic to `stream`: upstream is to the server, downstream from it."""
        toxic = {"name": kind, "type": kind, "stream": stream, "attributes": attributes}
        self._api.request("POST", f"{self._path}/toxics", **toxic)
        try:
            yield
        finally:
            self._api.request("DELETE", f"{self._path}/toxics/{kind}")


class Toxiproxy:
    """The HTTP API of a server on `port`."""

    def __init__(self, port: int) -> None:
        self._port = port

    @contextmanager
    def proxy(self, url: str) -> Iterator[Proxy]:
        """Create a proxy for the server at `url`."""
        parts = urlsplit(url)
        name = f"proxy-{time.monotonic_ns()}"
        upstream = f"{parts.hostname}:{parts.port}"
        made = self.request(
            "POST", "/proxies", name=name, listen="127.0.0.1:0", upstream=upstream, enabled=True
        )
        netloc = f"{parts.netloc.rpartition('@')[0]}@{made['listen']}"
        try:
            yield Proxy(self, name, parts._replace(netloc=netloc).geturl())
        finally:
            self.request("DELETE", f"/proxies/{name}")

    def request(self, method: str, path: str, **body: Any) -> Any:
        """Send a request and return the response."""
        connection = HTTPConnection("127.0.0.1", self._port, timeout=TIMEOUT)
        try:
            connection.request(method, path, json.dumps(body))
            response = connection.getresponse()
            answer = response.read()
            assert response.status < 300, answer
            return json.loads(answer) if answer else None
        finally:
            connection.close()


@pytest.fixture(scope="session")
def toxiproxy() -> Iterator[Toxiproxy]:
    """Return a running Toxiproxy."""
    program = os.environ.get(VARIABLE) or built("toxiproxy-server")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [program, "-host", "127.0.0.1", "-port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        api, end = Toxiproxy(port), time.monotonic() + TIMEOUT
        while not _answers(api):
            assert process.poll() is None, "Toxiproxy ended"
            assert time.monotonic() < end, "Toxiproxy did not start"
            time.sleep(0.05)
        yield api
    finally:
        process.kill()
        process.wait()


def _answers(api: Toxiproxy) -> bool:
    try:
        return bool(api.request("GET", "/version"))
    except OSError:
        return False
