"""The client sends requests unchanged, decodes responses, and names the fix if none arrives."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from neurova.errors import Unavailable
from neurova_platform.http_client import Answer, Limit, address, send


@contextmanager
def answering(reply: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """Serve one connection with a given response; yield the URL and the received bytes."""
    received: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                received.append(connection.recv(65_536))
                connection.sendall(reply)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", received
        thread.join()


def test_request_is_sent_as_typed() -> None:
    head = b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n"
    with answering(head + b"[1, 2]\n") as (base, received):
        answer = send(base, "POST", "/a%2fb/ü?q=1", {"X-API-Key": "k"}, b"{}")
    assert received[0].startswith(b"POST /a%2fb/%C3%BC?q=1 HTTP/1.1\r\n")
    assert b"\r\nX-API-Key: k\r\n" in received[0]
    assert (answer.status, answer.reason, answer.decoded()) == (201, "Created", [1, 2])


def test_missing_platform_is_reported_with_the_fix() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(Unavailable, match="neurova dev"):
        send(f"http://127.0.0.1:{port}", "GET", "/", {}, None)


def test_non_http_server_is_unavailable() -> None:
    with answering(b"hello\r\n\r\n") as (base, _), pytest.raises(Unavailable):
        send(base, "GET", "/", {}, None)


def test_limits_are_read_from_ratelimit_fields() -> None:
    headers = {
        "ratelimit": '"route";r=9;t=6, "consumer";r=99;t=3600',
        "ratelimit-policy": '"route";q=10;w=60, "consumer";q=100;w=3600',
    }
    assert Answer(200, "OK", headers, b"", 1.0).limits() == [
        Limit("route", 9, 6, 10, 60),
        Limit("consumer", 99, 3600, 100, 3600),
    ]
    assert Answer(200, "OK", {}, b"", 1.0).limits() == []


def test_invalid_json_body_is_text() -> None:
    assert Answer(200, "OK", {"content-type": "application/json"}, b"{", 1.0).decoded() == "{"
    assert Answer(200, "OK", {}, b"\xff", 1.0).decoded() == "�"


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("0.0.0.0", "http://127.0.0.1:80"),
        ("::", "http://[::1]:80"),
    ],
)
def test_wildcard_address_is_reached_on_loopback(host: str, url: str) -> None:
    assert address(host, 80, tls=False) == url
