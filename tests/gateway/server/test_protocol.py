"""HTTP/1.1 per RFC 9110 and 9112, byte by byte."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from textwrap import dedent

import pytest
from tests.conftest import HttpServer
from tests.gateway.overload import overload
from tests.gateway.raw_http import bodies, request, statuses, wait_until

from neurova.http.reply import Reply
from neurova_gateway.server.encoding import encode

JSON = "Content-Type: application/json"
BODY = b'{"text":"x"}'
# Upgrade offers of Java's HttpClient, of `curl --http2`, and of other clients.
JAVA = (
    "Connection: Upgrade, HTTP2-Settings",
    "HTTP2-Settings: AAEAAEAAAAIAAAAAAAMAAAAAAAQBAAAAAAUAAEAAAAYABgAA",
    "Upgrade: h2c",
)
UPGRADES = [
    JAVA,
    (JAVA[2], JAVA[1], "Connection: Upgrade, HTTP2-Settings"),
    ("connection: keep-alive, upgrade", "upgrade: TLS/1.0, h2c"),
    ("Upgrade: h2c", "Upgrade: irc/6.9", "Connection: upgrade"),
    ("Upgrade: h2c",),  # without Connection: Upgrade this is no offer
]


async def count(server: HttpServer) -> int:
    """Return how many calls of the probe's functions ran."""
    return int(json.loads(bodies(await server.send(request()))[0])["count"])


def api_key(server: HttpServer) -> str:
    return f"X-API-Key: {server.platform.key(scopes=['probe:write'])}"


@pytest.mark.parametrize(
    ("call", "found"),
    [
        (request(), [200]),
        (b"GET /count HTTP/1.0\r\nHost: a\r\n\r\n", [200]),  # closes the connection
        (request("POST", "/echo", body=BODY, close=False) + request(), [401, 200]),
        # A refused call gets no 100 Continue, and the server does not wait for its body.
        (request("POST", "/echo", "Expect: 100-continue", "Content-Length: 5", close=False), [401]),
    ],
)
async def test_calls_are_answered_until_closed(
    server: HttpServer, call: bytes, found: list[int]
) -> None:
    assert statuses(await server.send(call)) == found


async def test_response_has_date_and_connection_close(server: HttpServer) -> None:
    response = await server.send(request())
    assert b"connection: close\r\n" in response
    assert re.search(rb"\r\ndate: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n", response)


async def test_pipelined_calls_are_answered_in_order(server: HttpServer) -> None:
    key = api_key(server)
    calls = [request("GET", "/wait/30", close=False)]
    for number in range(20):
        body = json.dumps({"text": str(number)}).encode()
        calls.append(request("POST", "/echo", key, JSON, body=body, close=False))
        calls.append(request("GET", f"/wait/{number % 3}", close=False))
    response = await server.send(b"".join([*calls, request()]))
    assert statuses(response) == [200] * 42
    texts = [json.loads(body).get("text") for body in bodies(response)]
    assert [text for text in texts if text is not None] == [str(number) for number in range(20)]


async def test_chunked_body_is_joined(server: HttpServer) -> None:
    head = request("POST", "/echo", api_key(server), JSON, "Transfer-Encoding: chunked")
    response = await server.send(head + b'8\r\n{"text":\r\n4;x=y\r\n"ab"\r\n1\r\n}\r\n0\r\n\r\n')
    assert json.loads(bodies(response)[0])["text"] == "ab"


@pytest.mark.parametrize("offer", UPGRADES)
@pytest.mark.parametrize("is_chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize("size", [1, 1000, 100_000])
async def test_offered_upgrade_is_ignored(
    server: HttpServer, offer: tuple[str, ...], is_chunked: bool, size: int
) -> None:
    """The server reads bodies and pipelined requests, however the bytes are split."""
    fields = (api_key(server), JSON, *offer)
    post = request("POST", "/echo", *fields, body=BODY, close=False)
    if is_chunked:
        post = request("POST", "/echo", *fields, "Transfer-Encoding: chunked", close=False)
        post += b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
    get = request("GET", "/wait/5", *offer, close=False)
    data = b"".join([post, get, post, post, get, request("GET", "/count", *offer)])
    reader, writer = await server.connect()
    await wait_until(lambda: server.manager.connections)
    (connection,) = server.uvicorn.server_state.connections
    for start in range(0, len(data), size):
        connection.data_received(data[start : start + size])
    response = await reader.read()
    assert statuses(response) == [200] * 6
    texts = [json.loads(body).get("text") for body in bodies(response)]
    assert texts == ["x", None, "x", "x", None, None]
    writer.close()


@pytest.mark.parametrize("space", [b" ", b"\t", b" \t  "])
async def test_white_space_around_values_is_removed(
    server: HttpServer, probe_project: Path, space: bytes
) -> None:
    """RFC 9112, 5.1: it is not part of the value, neither in functions nor in mounted apps."""
    source = """
        from neurova import mount


        async def app(scope, receive, send):
            fields = [field for field in scope["headers"] if field[0] != b"traceparent"]
            text = repr((fields, await receive())).encode()
            fields = [(b"content-type", b"text/plain")]
            await send({"type": "http.response.start", "status": 200, "headers": fields})
            await send({"type": "http.response.body", "body": text})


        seen = mount("/seen", app, public=True, methods=["POST"])
        """
    (probe_project / "functions" / "probe" / "seen.py").write_text(dedent(source))
    server.platform.platform.load()
    chunked = request("POST", "/seen", "Transfer-Encoding: chunked", "A:", "B: c d", close=False)
    chunked = chunked.replace(b"chunked\r\n", b"chunked%b\r\n" % (b" " * len(space)))
    expecting = request("POST", "/echo", api_key(server), JSON, "Expect: 100-continue", *JAVA)
    expecting = expecting.replace(b"\r\n\r\n", b"\r\nContent-Length: 12\r\n\r\n")
    head = re.sub(rb"(:[^\r]*[^\r ])(?=\r)", rb"\1" + space, chunked + expecting)
    head = head.replace(b"\r\n\r\n", b"\r\n\r\nc\r\n%b\r\n0\r\n\r\n" % BODY, 1) + BODY
    response = await server.send(head.replace(b": ", b":" + space))
    assert statuses(response) == [200, 200]
    fields = [(b"host", b"probe"), (b"transfer-encoding", b"chunked"), (b"a", b""), (b"b", b"c d")]
    message = {"type": "http.request", "body": BODY, "more_body": False}
    assert bodies(response)[0] == repr((fields, message)).encode()


async def test_expect_is_answered_before_the_body(server: HttpServer) -> None:
    length = f"Content-Length: {len(BODY)}"
    reader, writer = await server.connect()
    writer.write(request("POST", "/echo", api_key(server), JSON, "Expect: 100-continue", length))
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(BODY)
    assert json.loads(bodies(await reader.read())[0])["text"] == "x"
    writer.close()


async def test_continue_follows_the_response_before_it(server: HttpServer) -> None:
    length = f"Content-Length: {len(BODY)}"
    head = request("POST", "/echo", api_key(server), JSON, "Expect: 100-continue", length)
    reader, writer = await server.connect()
    writer.write(request(close=False) + head)
    response = await reader.readuntil(b"100 Continue\r\n\r\n")
    writer.write(BODY)
    assert statuses(response + await reader.read()) == [200, 100, 200]
    writer.close()


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET /count HTTP/1.1\r\n\r\n", 400),
        (b"GET /count HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
        (b"GET /count HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
        (b"GET /count HTTP/1.1\r\nHost: a/\r\n\r\n", 400),
        (b"GET /count HTTP/1.1\r\nHost:\r\n\r\n", 400),
        (b"GET http://probe/count HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n", 400),
        (b"OPTIONS * HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n", 400),
        (b"CONNECT probe:80 HTTP/1.1\r\nHost: probe\r\n\r\n", 400),
        (b"GET /count HTTP/2.0\r\nHost: probe\r\nConnection: close\r\n\r\n", 505),
        (b"GET /count HTTP/0.9\r\nHost: probe\r\n\r\n", 505),
        (b"BREW /count HTTP/1.1\r\nHost: probe\r\n\r\n", 501),
        (b"junk\r\n\r\n", 501),
        (b"GET /count HTTP/1.1\nHost: probe\n\n", 400),
        (b"GET /count HTTP/1.1\r\nHost: probe\r\nA: b\r\n c\r\n\r\n", 400),
        (b"GET /count HTTP/1.1\r\nHost: probe\r\nA : b\r\n\r\n", 400),
        (b"GET /count HTTP/1.1\r\nHost: probe\r\nA: b\x00c\r\n\r\n", 400),
        (b"GET /count HTTP/1.1\r\nHost: probe\r\nExpect: 200-ok\r\nConnection: close\r\n\r\n", 417),
        (b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx", 400),
        (b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
         b"Transfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000000\r\n\r\n", 413),
        (b"GET /count HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\n"
         b"Upgrade: websocket\r\n\r\n", 501),
        (request("POST", "/echo", "Connection: Upgrade", "Upgrade: WebSocket", body=BODY), 501),
        (request("POST", "/echo", *JAVA, *["A: b"] * 97), 431),
        (request("POST", "/echo", *JAVA, "A: " + "a" * 17_000), 431),
        (request("POST", "/echo", *JAVA, "Content-Length: 1, 2"), 400),
        (request("POST", "/nothing", *JAVA, "Transfer-Encoding: chunked") + b"z", 404),
        (b"GET /" + b"a" * 17_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 431),
        (b"GET /count HTTP/1.1\r\nHost: a\r\nA: " + b"a" * 17_000 + b"\r\n\r\n", 431),
        (b"GET /count HTTP/1.1\r\nHost: a\r\n" + b"A: b\r\n" * 100 + b"\r\n", 431),
        (b"GET /count HTTP/1.1\r\nHost: a\r\nA: " + b"a" * 17_000, 431),
    ],
)  # fmt: skip
async def test_malformed_request_is_refused_and_closed(
    server: HttpServer, data: bytes, status: int
) -> None:
    response = await server.send(data)
    assert statuses(response) == [status]
    assert b"application/problem+json" in response
    assert b"connection: close" in response
    problem = json.loads(bodies(response)[0])
    assert problem["status"] == status
    assert problem["detail"]
    assert problem["trace_id"]


async def pour(server: HttpServer, head: bytes, piece: bytes, most: int) -> tuple[int, bytes]:
    """Send `piece` repeatedly until a response arrives; return the bytes sent and the response."""
    reader, writer = await server.connect()
    writer.write(head)
    response = asyncio.create_task(reader.read())
    sent = 0
    while not response.done() and sent < most:
        writer.write(piece)
        await writer.drain()
        sent += len(piece)
    writer.close()
    return sent, await response


@pytest.mark.parametrize("is_chunked", [True, False])
async def test_large_body_returns_413_before_it_is_read(
    server: HttpServer, is_chunked: bool
) -> None:
    size, piece = 100 << 20, b"a" * 65_536
    framing = "Transfer-Encoding: chunked" if is_chunked else f"Content-Length: {size}"
    head = request("POST", "/echo", api_key(server), JSON, framing)
    piece = b"10000\r\n" + piece + b"\r\n" if is_chunked else piece
    sent, response = await pour(server, head, piece, size)
    assert statuses(response) == [413]
    assert str(1 << 20) in json.loads(bodies(response)[0])["detail"]
    assert sent < size
    assert await count(server) == 0


@pytest.mark.parametrize(
    ("before", "piece"),
    [(b"0\r\nx-a: ", b"y" * 4096), (b"0\r\n", b"x-a: y\r\n" * 512), (b"1;a=", b"y" * 4096)],
)
async def test_trailers_and_chunk_extensions_are_bounded(
    server: HttpServer, before: bytes, piece: bytes
) -> None:
    head = request("POST", "/nothing", "Transfer-Encoding: chunked", close=False)
    sent, response = await pour(server, head + before, piece, 64 << 20)
    assert statuses(response) == [404]
    assert sent < 64 << 20


async def test_nothing_runs_after_too_large_head(server: HttpServer) -> None:
    before = await count(server)
    calls = (
        request("GET", "/wait/30", *["X-A: y"] * 99, close=False),  # maximum: 100 with Host
        request("GET", "/count", *["X-A: y"] * 100, close=False),
        request(close=False),
    )
    assert statuses(await server.send(b"".join(calls))) == [200, 431]
    assert await count(server) == before + 1  # only /wait ran


async def test_many_calls_at_once_are_no_overload(server: HttpServer) -> None:
    calls = [request(close=False)] * 999 + [request()]
    assert statuses(await server.send(b"".join(calls))) == [200] * 1000
    responses = await asyncio.gather(*(server.send(request()) for _ in range(200)))
    assert [statuses(response) for response in responses] == [[200]] * 200
    assert server.platform.platform.gateway.admission.refused == 0


def test_204_has_no_length_type_or_body() -> None:
    response = encode(b"HTTP/1.1 204 No Content\r\n", Reply(204), [], False, False)
    assert response == b"HTTP/1.1 204 No Content\r\n\r\n"


async def test_clients_identity_and_trailers_are_no_headers(
    server: HttpServer, probe_project: Path
) -> None:
    source = """
        from neurova import Request, post


        @post("/fields", public=True)
        async def fields(request: Request) -> list[str]:
            return sorted(request.headers)
        """
    (probe_project / "functions" / "probe" / "fields.py").write_text(dedent(source))
    server.platform.platform.load()
    identity = "X-Neurova-Identity: forged"
    head = request("POST", "/fields", "Transfer-Encoding: chunked", identity)
    response = await server.send(head + b"0\r\nX-Neurova-Identity: x\r\nX-Tenant: evil\r\n\r\n")
    assert json.loads(bodies(response)[0]) == ["connection", "host", "transfer-encoding"]


async def test_overload_refuses_in_order_and_keeps_connection(server: HttpServer) -> None:
    overload(server.platform.platform.gateway.admission)
    calls = [request("GET", "/secret", close=False), request(close=False)] * 3 + [request()]
    response = await server.send(b"".join(calls))
    assert statuses(response) == [503] * 7
    assert response.count(b"retry-after: ") == 7
    head = request("POST", "/echo", "Content-Length: 1000000", close=False)
    assert statuses(await server.send(head)) == [503]  # sent before the body arrives
