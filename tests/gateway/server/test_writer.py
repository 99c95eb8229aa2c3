"""Streamed responses are framed in order, follow the client's pace, and truncation is visible."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import httpx
import pytest
from tests.conftest import HttpServer
from tests.gateway.raw_http import decode_chunks, request, statuses, wait_until
from tests.gateway.server.conftest import namespace

FILE = Path(__file__).parent / "streams" / "file.py"


def recorded(server: HttpServer) -> list[int]:
    return [record.status for record in server.platform.records()]


async def test_stream_is_chunked_and_keeps_connection(streams: HttpServer) -> None:
    response = await streams.send(request("GET", "/numbers/3", close=False) + request())
    assert statuses(response) == [200, 200]
    head, _, rest = response.partition(b"\r\n\r\n")
    assert b"transfer-encoding: chunked" in head
    assert b"content-length" not in head
    body, is_complete = decode_chunks(rest[: rest.index(b"HTTP/1.1")])
    assert is_complete
    assert [json.loads(line) for line in body.splitlines()] == [{"number": n} for n in range(3)]
    record = streams.platform.records()[0]
    assert (record.status, record.bytes) == (200, len(body))


@pytest.mark.parametrize(
    ("path", "version", "body"),
    [("/lines", 0, b"line 0\nline 1\nline 2\n"), ("/file", 1, FILE.read_bytes())],
)
async def test_file_and_http_1_0_stream_are_not_chunked(
    streams: HttpServer, path: str, version: int, body: bytes
) -> None:
    kept = "close" if version else "keep-alive"  # HTTP/1.0 ends a stream by closing
    call = f"GET {path} HTTP/1.{version}\r\nHost: a\r\nConnection: {kept}\r\n\r\n"
    head, _, received = (await streams.send(call.encode())).partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head
    assert b"connection: close" in head
    assert (b"content-length: %d" % len(body) in head) is (path == "/file")
    assert received == body


async def test_pipelined_streams_are_answered_in_order(streams: HttpServer) -> None:
    paths = ["/numbers/2", "/lines", "/count", "/numbers/1", "/wait/1", "/file"]
    calls = [request("GET", path, close=path == "/file") for path in paths]
    response = await streams.send(b"".join(calls))
    assert statuses(response) == [200] * 6
    marks = [b'{"number":1}', b"line 2", b'"count"', b"waited", b"FileResponse"]
    places = [response.index(mark) for mark in marks]
    assert places == sorted(places)


@pytest.mark.parametrize("path", ["/numbers/1000", "/lines", "/file", "/quiet", "/count"])
async def test_head_response_has_no_body(streams: HttpServer, path: str) -> None:
    response = await streams.send(request("HEAD", path, close=False) + request())
    assert statuses(response) == [200, 200]
    head, _, rest = response.partition(b"\r\n\r\n")
    assert rest.startswith(b"HTTP/1.1 200")
    assert b"content-type" in head
    assert bool(re.search(rb"content-length: [1-9]", head)) is (path in ("/file", "/count"))
    if path == "/numbers/1000":
        assert namespace(streams, "numbers")["made"] == [0]  # HEAD stops the source at once


@pytest.mark.parametrize("length", [2, 4])
async def test_wrong_content_length_breaks_connection(streams: HttpServer, length: int) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{streams.port}") as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get(f"/short/{length}")
    assert recorded(streams) == [500]


async def test_failed_stream_is_truncated(
    streams: HttpServer, caplog: pytest.LogCaptureFixture
) -> None:
    response = await streams.send(request("GET", "/numbers/1?end=raises", close=False))
    head, _, rest = response.partition(b"\r\n\r\n")
    assert b" 200 OK" in head
    assert decode_chunks(rest) == (b'{"number":0}\n', False)
    (record,) = streams.platform.records()
    assert (record.status, record.bytes) == (500, 13)
    assert record.trace_id in caplog.text
    with pytest.raises(ConnectionResetError):  # reset: for HTTP/1.0 a close would mean success
        await streams.send(b"GET /numbers/1?end=raises HTTP/1.0\r\nHost: a\r\n\r\n")


async def test_events_arrive_one_by_one_until_disconnect(streams: HttpServer) -> None:
    lines = []
    async with (
        httpx.AsyncClient(headers={"Accept": "text/event-stream"}) as client,
        client.stream("GET", f"http://127.0.0.1:{streams.port}/quiet") as response,
    ):
        assert response.headers["content-type"] == "text/event-stream"
        async for line in response.aiter_lines():
            lines.append(line)
            if line == "":
                break
    await wait_until(lambda: "quiet" in namespace(streams, "quiet")["counted"])
    assert lines == ["event: began", "id: 1", 'data: {"a":1}', ""]
    assert [(each.status, each.bytes) for each in streams.platform.records()] == [(499, 34)]


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("how", ["close", "eof", "reset"])
async def test_any_disconnect_stops_the_generator(
    streams: HttpServer, first: int, how: str
) -> None:
    reader, writer = await streams.connect()
    writer.write(request("GET", f"/quiet?first={first}", close=False))
    if first:
        await reader.readuntil(b"\n\r\n")
    await wait_until(lambda: streams.manager.in_flight)
    if how == "reset":
        writer.transport.abort()
    elif how == "eof":
        writer.write_eof()
    else:
        writer.close()
    await wait_until(lambda: "quiet" in namespace(streams, "quiet")["counted"])
    writer.close()


async def test_slow_reader_pauses_the_generator(streams: HttpServer) -> None:
    made = namespace(streams, "blocks")["made"]
    reader, writer = await streams.connect(limit=1024)
    writer.write(request("GET", "/blocks"))
    await wait_until(lambda: streams.manager.connections)
    (connection,) = streams.uvicorn.server_state.connections
    await wait_until(lambda: connection.flow.write_paused)
    for _ in range(1000):
        await asyncio.sleep(0)
    assert len(made) < 250  # the kernel's buffers plus a few items
    body, is_complete = decode_chunks((await reader.read()).partition(b"\r\n\r\n")[2])
    writer.close()
    assert is_complete
    assert len(body) == 1000 * 64 * 1024


async def shut_down_during(streams: HttpServer, call: bytes) -> bytes:
    """Return the response of a stream that a shutdown interrupts after the first item."""
    reader, writer = await streams.connect()
    writer.write(call)
    response = await reader.readuntil(b"\n\r\n")
    for connection in list(streams.uvicorn.server_state.connections):
        connection.shutdown()
    response += await reader.read()
    writer.close()
    return response


@pytest.mark.parametrize(("accept", "is_complete"), [("text/event-stream", True), ("*/*", False)])
async def test_shutdown_ends_events_and_truncates_others(
    streams: HttpServer, accept: str, is_complete: bool
) -> None:
    streams.uvicorn.config.timeout_graceful_shutdown = 0
    call = request("GET", "/quiet", f"Accept: {accept}", close=False)
    response = await shut_down_during(streams, call)
    assert decode_chunks(response.partition(b"\r\n\r\n")[2])[1] is is_complete
    await wait_until(lambda: "quiet" in namespace(streams, "quiet")["counted"])
    assert recorded(streams) == [200 if is_complete else 503]


async def test_shutdown_lets_a_stream_finish_in_time(streams: HttpServer) -> None:
    response = await shut_down_during(streams, request("GET", "/numbers/1000", close=False))
    body, is_complete = decode_chunks(response.partition(b"\r\n\r\n")[2])
    assert is_complete
    assert body.count(b"\n") == 1000


async def test_log_phase_runs_once_per_stream(streams: HttpServer) -> None:
    logged: list[int] = []
    table = streams.platform.platform.gateway._table
    entry = table.find("GET", b"/numbers/2").target
    assert entry is not None
    entry.log = lambda call, reply: logged.append(reply.status)
    await streams.send(request("GET", "/numbers/2"))
    await streams.send(request("GET", "/numbers/2?end=raises"))
    assert logged == [200, 200]
