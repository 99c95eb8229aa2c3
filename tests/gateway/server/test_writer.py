"""A streamed reply is framed, in its turn, at its client's pace, and cut so that it shows."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from tests.gateway.octets import request, statuses

from neurova_gateway.pipeline.call_records import CallRecord

STREAMS = {
    "numbers": """
from neurova import get
from .domain import counted

made: list[int] = []


@get("/numbers/{most}", public=True)
async def numbers(most: int):
    try:
        for number in range(most):
            made.append(number)
            yield {"number": number}
    finally:
        counted.append("numbers")
""",
    "blocks": """
from neurova import get

made: list[int] = []


@get("/blocks", public=True)
async def blocks():
    for number in range(1000):
        made.append(number)
        yield bytes(64 * 1024)
""",
    "quiet": """
import asyncio
from neurova import ServerSentEvent, get
from .domain import counted


@get("/quiet", public=True)
async def quiet(first: int = 1):
    try:
        if first:
            yield ServerSentEvent({"a": 1}, event="began", id="1")
        await asyncio.Event().wait()
        yield 2
    finally:
        await asyncio.sleep(0)
        counted.append("quiet")
""",
    "broken": """
from neurova import get


@get("/broken", public=True)
async def broken():
    yield "some"
    raise ValueError("secret")
""",
    "file": """
from pathlib import Path
from neurova import get
from starlette.responses import FileResponse


@get("/file", public=True)
async def file():
    return FileResponse(Path(__file__))
""",
    "short": """
from neurova import get
from starlette.responses import StreamingResponse


@get("/short/{length}", public=True)
async def short(length: int):
    return StreamingResponse(iter(["abc"]), headers={"content-length": str(length)})
""",
    "lines": """
from neurova import get


@get("/lines", public=True)
def lines():
    for number in range(3):
        yield f"line {number}\\n"
""",
}


@pytest.fixture
def streams(door: Any, probe_project: Any) -> Any:
    for name, source in STREAMS.items():
        (probe_project / "functions" / "probe" / f"{name}.py").write_text(source)
    door.platform.platform.load()
    return door


@pytest.fixture
def records(streams: Any) -> Callable[[], list[CallRecord]]:
    return streams.platform.records  # type: ignore[no-any-return]


def state(door: Any, name: str) -> dict[str, Any]:
    for function in door.platform.platform.functions():
        if function.name == f"probe.{name}":
            return function.handler.__wrapped__.__globals__  # type: ignore[no-any-return]
    raise AssertionError(name)


def unchunked(octets: bytes) -> tuple[bytes, bool]:
    """Return a chunked body, and whether it has its end."""
    pieces, place = [], 0
    while place < len(octets):
        end = octets.index(b"\r\n", place)
        length = int(octets[place:end], 16)
        if not length:
            return b"".join(pieces), octets[end:] == b"\r\n\r\n"
        pieces.append(octets[end + 2 : end + 2 + length])
        place = end + length + 4
    return b"".join(pieces), False


async def until(holds: Callable[[], bool]) -> None:
    while not holds():
        await asyncio.sleep(0)


def test_a_stream_is_chunked_and_the_connection_kept(streams: Any, records: Any) -> None:
    answer = streams.exchange(request("GET", "/numbers/3", close=False) + request())
    assert statuses(answer) == [200, 200]
    head, _, rest = answer.partition(b"\r\n\r\n")
    assert b"transfer-encoding: chunked" in head
    assert b"content-length" not in head
    body, whole = unchunked(rest[: rest.index(b"HTTP/1.1")])
    assert whole
    assert [json.loads(line) for line in body.splitlines()] == [{"number": n} for n in range(3)]
    assert (records()[0].status, records()[0].bytes) == (200, len(body))


def test_pipelined_streams_are_answered_in_order(streams: Any) -> None:
    paths = ["/numbers/2", "/lines", "/count", "/numbers/1", "/wait/1", "/file"]
    calls = [request("GET", path, close=path == "/file") for path in paths]
    answer = streams.exchange(b"".join(calls))
    assert statuses(answer) == [200] * 6
    marks = [b'{"number":1}', b"line 2", b'"count"', b"waited", b"FileResponse"]
    places = [answer.index(mark) for mark in marks]
    assert places == sorted(places)


def test_http_1_0_is_answered_without_chunks_and_closed(streams: Any) -> None:
    answer = streams.exchange(b"GET /lines HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head
    assert b"connection: close" in head
    assert body == b"line 0\nline 1\nline 2\n"


@pytest.mark.parametrize("path", ["/numbers/1000", "/lines", "/file", "/quiet"])
def test_head_gives_only_the_head(streams: Any, path: str) -> None:
    answer = streams.exchange(request("HEAD", path, close=False) + request())
    assert statuses(answer) == [200, 200]
    head, _, rest = answer.partition(b"\r\n\r\n")
    assert rest.startswith(b"HTTP/1.1 200")
    assert b"content-type" in head
    if path == "/numbers/1000":
        assert state(streams, "numbers")["made"] == [0]


def test_a_body_of_known_length_says_it(streams: Any) -> None:
    head, _, body = streams.exchange(request("GET", "/file")).partition(b"\r\n\r\n")
    assert b"content-length: %d\r\n" % len(body) in head
    assert b"chunked" not in head
    assert body.decode() == STREAMS["file"]


@pytest.mark.parametrize("length", [2, 4])
def test_a_body_of_another_length_than_it_says_ends_the_connection(
    streams: Any, records: Any, length: int
) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{streams.port}") as client:

        def ask() -> None:
            with pytest.raises(httpx.RemoteProtocolError):
                client.get(f"/short/{length}")

        streams.run(asyncio.to_thread(ask))
    assert [one.status for one in records()] == [500]


def test_a_stream_that_fails_is_cut_so_that_its_client_can_tell(
    streams: Any, records: Any, caplog: Any
) -> None:
    head, _, rest = streams.exchange(request("GET", "/broken", close=False)).partition(b"\r\n\r\n")
    assert b" 200 OK" in head
    assert unchunked(rest) == (b"some", False)
    assert b"secret" not in rest
    (record,) = records()
    assert (record.status, record.bytes) == (500, 4)
    assert record.trace_id in caplog.text
    with pytest.raises(ConnectionResetError):
        streams.exchange(b"GET /broken HTTP/1.0\r\nHost: a\r\n\r\n")


def test_events_are_read_one_by_one_and_who_leaves_stops_them(streams: Any, records: Any) -> None:
    counted = state(streams, "quiet")["counted"]
    url = f"http://127.0.0.1:{streams.port}/quiet"

    async def listen() -> list[str]:
        lines = []
        accept = {"Accept": "text/event-stream"}
        async with (
            httpx.AsyncClient() as client,
            client.stream("GET", url, headers=accept) as reply,
        ):
            assert reply.headers["content-type"] == "text/event-stream"
            async for line in reply.aiter_lines():
                lines.append(line)
                if line == "":
                    break
        await until(lambda: "quiet" in counted)
        return lines

    assert streams.run(listen()) == ["event: began", "id: 1", 'data: {"a":1}', ""]
    assert [(one.status, one.bytes) for one in records()] == [(499, 34)]


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("how", ["close", "eof", "reset"])
def test_however_a_client_leaves_its_generator_ends(streams: Any, first: int, how: str) -> None:
    counted = state(streams, "quiet")["counted"]

    async def leave() -> None:
        edge = streams.platform.platform.connection_manager
        reader, writer = await asyncio.open_connection("127.0.0.1", streams.port)
        writer.write(request("GET", f"/quiet?first={first}", close=False))
        if first:
            await reader.readuntil(b"\n\r\n")
        await until(lambda: any(each.running for each in edge.connections))
        if how == "reset":
            writer.transport.abort()
        elif how == "eof":
            writer.write_eof()
        else:
            writer.close()
        await until(lambda: "quiet" in counted)
        writer.close()

    streams.run(leave())


def test_a_slow_reader_holds_the_generator_back_and_gets_all(streams: Any) -> None:
    made = state(streams, "blocks")["made"]

    async def slowly() -> tuple[int, bytes]:
        reader, writer = await asyncio.open_connection("127.0.0.1", streams.port, limit=1024)
        writer.write(request("GET", "/blocks"))
        await until(lambda: bool(streams.platform.platform.connection_manager.connections))
        (connection,) = streams.platform.platform.connection_manager.connections
        await until(lambda: connection.flow.write_paused)
        for _ in range(1000):
            await asyncio.sleep(0)
        ahead = len(made)
        answer = await reader.read()
        writer.close()
        return ahead, answer

    ahead, answer = streams.run(slowly())
    assert ahead < 250  # what the kernel takes for a connection, and a few more
    body, whole = unchunked(answer.partition(b"\r\n\r\n")[2])
    assert whole
    assert len(body) == 1000 * 64 * 1024


def test_a_reader_that_has_stopped_is_let_go_and_its_generator_ends(
    streams: Any, records: Any
) -> None:
    gateway = streams.platform.platform.gateway
    gateway.options = type(gateway.options)(body_timeout=0.1)
    counted = state(streams, "numbers")["counted"]

    async def deaf() -> None:
        with socket.create_connection(("127.0.0.1", streams.port)) as client:
            client.sendall(request("GET", "/numbers/10000000", close=False))
            await until(lambda: "numbers" in counted)

    streams.run(deaf())
    assert [one.status for one in records()] == [499]


@pytest.mark.parametrize(("accept", "whole"), [("text/event-stream", True), ("*/*", False)])
def test_a_drain_ends_events_and_cuts_what_has_an_end_of_its_own(
    streams: Any, records: Any, accept: str, whole: bool
) -> None:
    streams.server.config.timeout_graceful_shutdown = 0

    async def drain() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", streams.port)
        writer.write(request("GET", "/quiet", f"Accept: {accept}", close=False))
        got = await reader.readuntil(b"\n\r\n")
        for connection in list(streams.server.server_state.connections):
            connection.shutdown()
        got += await reader.read()
        writer.close()
        return got

    answer = streams.run(drain())
    assert unchunked(answer.partition(b"\r\n\r\n")[2])[1] is whole
    assert "quiet" in state(streams, "quiet")["counted"]
    assert [one.status for one in records()] == [200 if whole else 503]


def test_a_drain_lets_a_stream_finish_within_its_time(streams: Any) -> None:
    async def drain() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", streams.port)
        writer.write(request("GET", "/numbers/1000", close=False))
        got = await reader.readuntil(b"\n\r\n")
        for connection in list(streams.server.server_state.connections):
            connection.shutdown()
        got += await reader.read()
        writer.close()
        return got

    answer = streams.run(drain())
    body, whole = unchunked(answer.partition(b"\r\n\r\n")[2])
    assert whole
    assert body.count(b"\n") == 1000


def test_a_plugin_sees_one_log_phase_a_stream(streams: Any) -> None:
    seen: list[int] = []
    table = streams.platform.platform.gateway._table
    for path in (b"/numbers/2", b"/broken"):
        table.find("GET", path).target.log = lambda call, reply: seen.append(reply.status)
    streams.exchange(request("GET", "/numbers/2"))
    streams.exchange(request("GET", "/broken"))
    assert seen == [200, 200]


def test_a_refused_stream_is_a_plain_reply(streams: Any) -> None:
    answer = streams.exchange(request("GET", "/numbers/2", "Accept: image/png"))
    assert statuses(answer) == [406]
    assert re.search(rb"content-length: \d+", answer)
