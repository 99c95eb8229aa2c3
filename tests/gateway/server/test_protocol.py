"""HTTP/1.1 as RFC 9110 and 9112 say it, octet by octet."""

from __future__ import annotations

import asyncio
import json
import re

import pytest
from tests.gateway.crowd import crowd
from tests.gateway.octets import bodies, request, statuses


def ran(door) -> int:
    return json.loads(bodies(door.exchange(request()))[0])["count"]


def test_a_call_is_answered_and_the_connection_closed_when_asked(door) -> None:
    answer = door.exchange(request())
    assert statuses(answer) == [200]
    assert b"connection: close\r\n" in answer
    assert re.search(rb"\r\ndate: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n", answer)


def test_pipelined_calls_are_answered_in_order(door) -> None:
    key = door.platform.key(scopes=["probe:write"])
    calls = [request("GET", "/wait/30", close=False)]
    for number in range(20):
        body = json.dumps({"text": str(number)}).encode()
        fields = (f"X-API-Key: {key}", "Content-Type: application/json")
        calls.append(request("POST", "/echo", *fields, body=body, close=False))
        calls.append(request("GET", f"/wait/{number % 3}", close=False))
    calls.append(request())
    answer = door.exchange(b"".join(calls))
    assert statuses(answer) == [200, *[201, 200] * 20, 200] or statuses(answer) == [200] * 42
    texts = [json.loads(body).get("text") for body in bodies(answer)]
    assert [text for text in texts if text is not None] == [str(number) for number in range(20)]


def test_octet_by_octet_is_the_same_call(door) -> None:
    async def slowly() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
        for octet in request():
            writer.write(bytes([octet]))
            await writer.drain()
            await asyncio.sleep(0)
        answer = await reader.read()
        writer.close()
        return answer

    assert statuses(door.run(slowly())) == [200]


def test_a_chunked_body_is_put_together(door) -> None:
    key = door.platform.key(scopes=["probe:write"])
    head = request("POST", "/echo", f"X-API-Key: {key}", "Content-Type: application/json",
                   "Transfer-Encoding: chunked")  # fmt: skip
    answer = door.exchange(head + b'8\r\n{"text":\r\n4;x=y\r\n"ab"\r\n1\r\n}\r\n0\r\n\r\n')
    assert json.loads(bodies(answer)[0])["text"] == "ab"


def test_head_is_get_without_the_body(door) -> None:
    answer = door.exchange(request("HEAD"))
    assert statuses(answer) == [200]
    assert re.search(rb"content-length: [1-9]", answer)
    assert answer.endswith(b"\r\n\r\n")


def test_expect_is_met_before_the_body_is_sent(door) -> None:
    key = door.platform.key(scopes=["probe:write"])
    body = b'{"text":"x"}'
    head = request("POST", "/echo", f"X-API-Key: {key}", "Content-Type: application/json",
                   "Expect: 100-continue", f"Content-Length: {len(body)}")  # fmt: skip

    async def politely() -> tuple[bytes, bytes]:
        reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
        writer.write(head)
        go = await reader.readuntil(b"\r\n\r\n")
        writer.write(body)
        answer = await reader.read()
        writer.close()
        return go, answer

    go, answer = door.run(politely())
    assert go == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert json.loads(bodies(answer)[0])["text"] == "x"


def test_expect_is_refused_without_asking_for_the_body(door) -> None:
    answer = door.exchange(request("POST", "/echo", "Expect: 100-continue", "Content-Length: 5",
                                   close=False))  # fmt: skip
    assert statuses(answer) == [401]
    assert statuses(door.exchange(request("GET", "/count", "Expect: 200-ok"))) == [417]


def test_a_refused_call_with_a_short_body_keeps_the_connection(door) -> None:
    first = request("POST", "/echo", body=b'{"text":"x"}', close=False)
    assert statuses(door.exchange(first + request())) == [401, 200]


@pytest.mark.parametrize(
    ("octets", "status"),
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
        (b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx", 400),
        (b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
         b"Transfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000000\r\n\r\n", 413),
        (b"GET /count HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\n"
         b"Upgrade: websocket\r\n\r\n", 501),
        (b"GET /" + b"a" * 17_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 431),
        (b"GET /count HTTP/1.1\r\nHost: a\r\nA: " + b"a" * 17_000 + b"\r\n\r\n", 431),
        (b"GET /count HTTP/1.1\r\nHost: a\r\n" + b"A: b\r\n" * 100 + b"\r\n", 431),
        (b"GET /count HTTP/1.1\r\nHost: a\r\nA: " + b"a" * 17_000, 431),
    ],
)  # fmt: skip
def test_what_is_not_sound_is_refused_once_and_closed(door, octets: bytes, status: int) -> None:
    answer = door.exchange(octets)
    assert statuses(answer) == [status]
    assert b"application/problem+json" in answer
    assert b"connection: close" in answer
    problem = json.loads(bodies(answer)[0])
    assert problem["status"] == status
    assert problem["detail"]
    assert problem["trace_id"]


def test_an_upgrade_that_is_no_websocket_is_ignored(door) -> None:
    answer = door.exchange(
        request("GET", "/count", "Connection: upgrade", "Upgrade: h2c", close=False)
    )
    assert statuses(answer) == [200]


def test_http_1_0_is_answered_and_closed(door) -> None:
    answer = door.exchange(b"GET /count HTTP/1.0\r\nHost: a\r\n\r\n")
    assert statuses(answer) == [200]


@pytest.mark.parametrize("chunked", [True, False])
def test_a_body_over_the_limit_is_refused_without_being_read_in(door, chunked: bool) -> None:
    key = door.platform.key(scopes=["probe:write"])
    size = 100 << 20

    async def pour() -> tuple[int, bytes]:
        reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
        framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {size}"
        writer.write(request("POST", "/echo", f"X-API-Key: {key}",
                             "Content-Type: application/json", framing))  # fmt: skip
        piece = b"a" * 65_536
        sent = 0
        answer = asyncio.create_task(reader.read())
        while sent < size and not answer.done():
            writer.write(b"10000\r\n" + piece + b"\r\n" if chunked else piece)
            await writer.drain()
            sent += len(piece)
        writer.close()
        return sent, await answer

    sent, answer = door.run(pour())
    assert statuses(answer) == [413]
    assert sent < size
    assert ran(door) == 0


def test_a_field_behind_the_body_is_no_header_field(door, probe_project) -> None:
    (probe_project / "functions" / "probe" / "fields.py").write_text(
        "from neurova import Request, post\n\n\n"
        '@post("/fields", public=True)\n'
        "async def fields(request: Request) -> list[str]:\n"
        "    return sorted(request.headers)\n"
    )
    door.platform.platform.load()
    head = request("POST", "/fields", "Transfer-Encoding: chunked")
    answer = door.exchange(head + b"0\r\nX-Neurova-Identity: x\r\nX-Tenant: evil\r\n\r\n")
    assert json.loads(bodies(answer)[0]) == ["connection", "host", "transfer-encoding"]


@pytest.mark.parametrize(
    ("before", "piece"),
    [(b"0\r\nx-a: ", b"y" * 4096), (b"0\r\n", b"x-a: y\r\n" * 512), (b"1;a=", b"y" * 4096)],
)
def test_what_stands_between_pieces_of_a_body_is_bounded(door, before: bytes, piece: bytes) -> None:
    async def pour() -> tuple[int, bytes]:
        reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
        writer.write(
            request("POST", "/nothing", "Transfer-Encoding: chunked", close=False) + before
        )
        answer = asyncio.create_task(reader.read())
        sent = 0
        while not answer.done() and sent < 64 << 20:
            writer.write(piece)
            await writer.drain()
            sent += len(piece)
        writer.close()
        return sent, await answer

    sent, answer = door.run(pour())
    assert statuses(answer) == [404]
    assert sent < 64 << 20


def test_a_reply_comes_before_the_go_ahead_for_the_next_body(door) -> None:
    key = door.platform.key(scopes=["probe:write"])
    body = b'{"text":"x"}'
    head = request("POST", "/echo", f"X-API-Key: {key}", "Content-Type: application/json",
                   "Expect: 100-continue", f"Content-Length: {len(body)}")  # fmt: skip
    answer = door.exchange(request(close=False) + head + body)
    assert statuses(answer)[:2] == [200, 100]


def test_a_client_that_sends_its_last_call_and_its_end_at_once_is_answered(door) -> None:
    """Some loops hand over both before anything else runs."""

    async def at_once() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
        while not door.platform.platform.connection_manager.connections:
            await asyncio.sleep(0)
        (connection,) = door.platform.platform.connection_manager.connections
        connection.data_received(request(close=False))
        if not connection.eof_received():
            connection.transport.close()
        answer = await reader.read()
        writer.close()
        return answer

    assert statuses(door.run(at_once())) == [200]


def test_behind_a_head_that_is_too_large_nothing_runs_and_replies_keep_their_order(door) -> None:
    before = ran(door)
    fields = [f"X-{number}: y" for number in range(101)]
    calls = (
        request("GET", "/wait/30", close=False),
        request("GET", "/count", *fields, close=False),
        request(close=False),
    )
    assert statuses(door.exchange(b"".join(calls))) == [200, 431]
    assert ran(door) == before + 1  # its own


def test_a_thousand_pipelined_calls_are_no_overload(door) -> None:
    calls = [request(close=False)] * 999 + [request()]
    assert statuses(door.exchange(b"".join(calls))) == [200] * 1000
    assert door.platform.platform.gateway.admission.refused == 0


def test_many_calls_at_once_are_no_overload(door) -> None:
    async def together() -> list[bytes]:
        return await asyncio.gather(*(door.talk(request()) for _ in range(200)))

    assert [statuses(answer) for answer in door.run(together())] == [[200]] * 200
    assert door.platform.platform.gateway.admission.refused == 0


def test_in_a_crowd_calls_are_refused_in_order_and_the_connection_serves_on(door) -> None:
    crowd(door.platform, "secret")
    calls = [request("GET", "/secret", close=False), request(close=False)] * 3 + [request()]
    answer = door.exchange(b"".join(calls))
    assert statuses(answer) == [503, 200] * 3 + [200]
    assert answer.count(b"retry-after: 1\r\n") == 3


def test_in_a_crowd_a_body_is_not_waited_for(door) -> None:
    crowd(door.platform, "echo")
    head = request("POST", "/echo", "Content-Length: 1000000", close=False)
    answer = door.exchange(head)
    assert statuses(answer) == [503]
