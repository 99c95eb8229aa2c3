"""`neurova call`."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from neurova.files.private import write_private_file

REFUSAL = b"""HTTP/1.0 429 Too Many Requests\r
Content-Type: application/json\r
Retry-After: 7\r
RateLimit: "route";r=0;t=60\r
RateLimit-Policy: "route";q=5;w=60\r
\r
{"a": 1}
"""


class Peer(HTTPServer):
    """A server that answers every request with 429, and records its key, content type and body."""

    def __init__(self) -> None:
        self.received: list[tuple[str | None, str | None, str]] = []
        super().__init__(("127.0.0.1", 0), Refusing)
        self.port: int = self.server_address[1]


class Refusing(BaseHTTPRequestHandler):
    server: Peer

    def do_GET(self) -> None:
        body = os.fsdecode(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        fields = self.headers.get("X-API-Key"), self.headers.get("Content-Type")
        self.server.received.append((*fields, body))
        self.wfile.write(REFUSAL)

    do_POST = do_GET


@pytest.fixture
def peer() -> Iterator[Peer]:
    """Yield a server that stands in for the platform."""
    with Peer() as opened, ThreadPoolExecutor(1) as pool:
        pool.submit(opened.serve_forever)
        yield opened
        opened.shutdown()


def test_only_the_body_goes_to_standard_output(
    cli: Callable[..., Any], project: Path, peer: Peer
) -> None:
    result = cli("call", "get", "/x", "--port", str(peer.port))
    assert json.loads(result.stdout) == {"a": 1}
    assert "HTTP 429 Too Many Requests" in result.stderr
    assert "limit route: 0 of 5 remaining, reset in 60 s\n" in result.stderr
    assert "retry after 7 s" in result.stderr
    assert result.exit_code == 1
    write_private_file(project / ".neurova" / "address", f"http://127.0.0.1:{peer.port}\n")
    found = json.loads(cli("call", "GET", "/x", "--json").stdout)  # from the running `dev`
    assert (found["status"], found["body"]) == (429, {"a": 1})
    assert found["ms"] > 0
    assert found["limits"][0]["remaining"] == 0


def test_key_is_read_from_file_environment_or_dev(
    cli: Callable[..., Any],
    project: Path,
    peer: Peer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    call = ("call", "GET", "/x", "--port", str(peer.port))
    cli(*call)
    write_private_file(project / ".neurova" / "dev.key", "of-dev\n")
    cli(*call)
    monkeypatch.setenv("NEUROVA_KEY", "of-environment")
    cli(*call)
    (tmp_path / "key").write_text("of-file\n")
    cli(*call, "--key-file", str(tmp_path / "key"))
    sent = [key for key, _, _ in peer.received]
    assert sent == [None, "of-dev", "of-environment", "of-file"]


def test_body_is_text_file_or_pipe(cli: Callable[..., Any], project: Path, peer: Peer) -> None:
    call = ("call", "POST", "/x", "--port", str(peer.port), "--data")
    Path("body.json").write_text("[2]")
    cli(*call, "[1]")
    cli(*call, "@body.json")
    cli(*call, "@-", stdin="[3]")
    typed = os.fsdecode(b'["\xff"]')
    cli("call", "POST", f"/x/{typed}", *call[3:], typed)
    assert [body for _, _, body in peer.received] == ["[1]", "[2]", "[3]", '["\udcff"]']
    assert {kind for _, kind, _ in peer.received} == {"application/json"}


def test_invalid_arguments_are_refused(cli: Callable[..., Any], project: Path) -> None:
    assert cli("call", "GET", "no-slash").exit_code == 2
    assert cli("call", "POST", "/x", "--data", "@nowhere").exit_code == 2
    for method in ("", "GE T", "GET\r\nX: y", "GÉT"):
        assert cli("call", method, "/x").exit_code == 2
    # There is no option for a key, because every local user can read process arguments.
    assert cli("call", "GET", "/x", "--key", "nrv_test_x").exit_code == 2
    Path("two").write_text("one\ntwo")
    split = cli("call", "GET", "/x", "--key-file", "two")
    assert split.exit_code == 5
    assert "two" not in split.stderr


def test_missing_platform_is_reported_with_the_fix(cli: Callable[..., Any], project: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    result = cli("call", "GET", "/x", "--port", str(port))
    assert result.exit_code == 5
    assert "neurova dev" in result.stderr
