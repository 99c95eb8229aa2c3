"""Connections are closed in time, and their requests are answered."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable
from typing import Any

import pytest
from tests.conftest import HttpServer
from tests.gateway.overload import overload
from tests.gateway.raw_http import request, statuses, wait_until
from tests.gateway.server.conftest import namespace, set_options

from neurova.database.base import Callback
from neurova.endpoints.function import CoroutineFunction
from neurova.execution.in_flight_call import Delivery, InFlightCall
from neurova.http.call import Call
from neurova.http.reply import Reply
from neurova_gateway.pipeline.health import PATH as HEALTH
from neurova_platform.testing.client import build_scope


async def test_slow_head_or_body_returns_408(server: HttpServer) -> None:
    set_options(server, head_timeout=0.1, body_timeout=0.1)
    assert statuses(await server.send(b"GET /count HTTP/1.1\r\nHo")) == [408]
    key = server.platform.key(scopes=["probe:write"])
    slow = request("POST", "/echo", f"X-API-Key: {key}", "Content-Length: 100") + b"{"
    assert statuses(await server.send(slow)) == [408]


@pytest.mark.parametrize("path", ["/much/32", "/numbers/10000000"], ids=["plain", "streamed"])
async def test_client_that_never_reads_is_disconnected(streams: HttpServer, path: str) -> None:
    set_options(streams, body_timeout=0.1)
    with socket.create_connection(("127.0.0.1", streams.port)) as client:
        client.sendall(request("GET", path, close=False))
        await wait_until(lambda: streams.manager.connections)
        await wait_until(lambda: not streams.manager.connections)
    if path.startswith("/numbers"):
        await wait_until(lambda: "numbers" in namespace(streams, "numbers")["counted"])
        assert [record.status for record in streams.platform.records()] == [499]


async def test_disconnected_client_is_recorded_as_499(server: HttpServer) -> None:
    _, writer = await server.connect()
    writer.write(request("GET", "/wait/50", close=False))
    await wait_until(lambda: server.manager.in_flight)
    reset(writer)
    assert statuses(await server.send(request("GET", "/wait/100"))) == [200]
    assert sorted(record.status for record in server.platform.records()) == [200, 499]


def reset(writer: asyncio.StreamWriter) -> None:
    """Close a connection with RST, which the server notices at once."""
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


async def test_disconnect_is_noticed_before_the_turn(server: HttpServer) -> None:
    admission = server.manager.admission
    overload(admission)
    admission.clock = lambda: 0.0  # stop the clock: queued calls stay queued
    _, writer = await server.connect()
    writer.write(request())
    await wait_until(lambda: admission.waiting)
    linger = struct.pack("ii", 1, 0)  # close with RST
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()
    await wait_until(lambda: not server.manager.connections)
    admission.limit = 1
    admission.run_turns()
    assert (admission.in_flight, server.manager.queue) == (0, [])


@pytest.mark.parametrize(
    ("door", "status"), [("http, reset", 499), ("http, half closed", 200), ("asgi", 499)]
)
async def test_function_of_a_disconnected_client_finishes(
    streams: HttpServer, door: str, status: int
) -> None:
    counted = namespace(streams, "polls")["counted"]
    if door.startswith("http"):
        _, writer = await streams.connect()
        writer.write(request("GET", "/polls?how=plain", close=False))
        await wait_until(lambda: "begun" in counted)
        if door.endswith("closed"):
            writer.write_eof()
            await wait_until(lambda: "disconnected" in counted)
            writer.close()
        else:
            reset(writer)
    else:
        scope = build_scope("GET", "/polls?how=plain", {"host": "probe"})
        messages = [{"type": "http.disconnect"}, {"type": "http.request"}]

        async def receive() -> dict[str, str]:
            return messages.pop()

        await streams.platform.platform.asgi(scope, receive, unexpected_send)
    await wait_until(lambda: streams.platform.records())
    assert counted == ["begun", "disconnected", "finished"]
    assert [record.status for record in streams.platform.records()] == [status]


async def unexpected_send(message: object) -> None:
    raise AssertionError(message)


@pytest.mark.parametrize("door", ["http", "asgi"])
async def test_polling_for_a_disconnect_lets_a_stream_continue(
    streams: HttpServer, door: str
) -> None:
    if door == "http":
        body = await streams.send(request("GET", "/polls"))
    else:
        body = (await streams.platform.acall("GET", "/polls")).body
    assert body.count(b"data: ") == 5


class FailingFunction(CoroutineFunction):
    """A function whose call raises outside of its error handling."""

    __slots__ = ()

    def invoke(self, call: Call) -> Awaitable[Reply]:
        """Return a future that raises."""
        failed: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        failed.set_exception(LookupError("secret"))
        return failed


async def test_call_that_raises_late_is_answered_500(server: HttpServer, caplog: Any) -> None:
    platform = server.platform
    (function,) = (each for each in platform.platform.functions() if each.name == "probe.wait")
    function.__class__ = FailingFunction
    platform.platform.serve(platform.platform.services)
    assert statuses(await server.send(request("GET", "/wait/1"))) == [500]
    assert (await platform.acall("GET", "/wait/1")).status == 500
    assert caplog.text.count("LookupError") == 2


async def test_shutdown_waits_for_what_runs_after_the_reply(server: HttpServer) -> None:
    platform = server.platform.platform
    (function,) = (each for each in platform.functions() if each.name == "probe.wait")
    proceed = asyncio.Event()
    function.__class__ = LateFunction
    platform.serve(platform.services)
    LateFunction.callbacks = (proceed.wait,)
    assert statuses(await server.send(request("GET", "/wait/1"))) == [200]
    (task,) = server.uvicorn.server_state.tasks
    assert not task.done()
    proceed.set()
    await wait_until(lambda: not server.uvicorn.server_state.tasks)


class LateFunction(CoroutineFunction):
    """A function that works on after its response."""

    __slots__ = ()
    callbacks: tuple[Callback, ...] = ()

    async def run(self, in_flight: InFlightCall) -> Reply | Delivery:
        """Run the handler, then `callbacks`."""
        in_flight.after_reply = self.callbacks
        return await super().run(in_flight)


async def test_disconnect_after_large_body_ends_stream(streams: HttpServer) -> None:
    _, writer = await streams.connect()
    writer.write(request("GET", "/quiet", body=b"x" * 60_000))
    await wait_until(lambda: streams.manager.in_flight)
    writer.transport.abort()
    await wait_until(lambda: "quiet" in namespace(streams, "quiet")["counted"])
    await wait_until(lambda: not streams.manager.connections)


async def test_half_closed_client_gets_its_response(server: HttpServer) -> None:
    """Some event loops deliver data and EOF in the same iteration."""
    reader, writer = await server.connect()
    await wait_until(lambda: server.manager.connections)
    (connection,) = server.uvicorn.server_state.connections
    connection.data_received(request(close=False))
    if not connection.eof_received():  # type: ignore[func-returns-value]  # ours returns a bool
        connection.transport.close()
    assert statuses(await reader.read()) == [200]
    writer.close()
    assert statuses(await server.send(request("GET", "/wait/20", close=False), eof=True)) == [200]


async def test_shutdown_answers_calls_and_closes_idle_connections(server: HttpServer) -> None:
    idle, idle_writer = await server.connect()
    reader, writer = await server.connect()
    writer.write(request("GET", "/wait/50", close=False))
    await wait_until(lambda: server.manager.in_flight)
    for connection in list(server.uvicorn.server_state.connections):
        connection.shutdown()
    response = await reader.read()
    assert statuses(response) == [200]
    assert b"connection: close" in response
    assert await idle.read() == b""
    writer.close()
    idle_writer.close()


async def test_pipelining_stops_while_client_does_not_read(streams: HttpServer) -> None:
    reader, writer = await streams.connect()
    writer.transport.pause_reading()  # type: ignore[attr-defined]  # a transport that reads, too
    await wait_until(lambda: streams.manager.connections)
    (connection,) = streams.uvicorn.server_state.connections
    most = 0
    for number in range(1, 31):
        writer.write(request("GET", "/much/1", close=number == 30))
        await streams.send(request())  # by then the server has read the previous request
        most = max(most, connection.transport.get_write_buffer_size())
    writer.transport.resume_reading()  # type: ignore[attr-defined]  # a transport that reads, too
    assert most < 2 << 20
    assert statuses(await reader.read()) == [200] * 30
    writer.close()


async def test_bytes_sent_one_by_one_are_one_call(server: HttpServer) -> None:
    reader, writer = await server.connect()
    for byte in request():
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0)
    assert statuses(await reader.read()) == [200]
    writer.close()


@pytest.mark.parametrize(
    ("call", "count"),
    [
        (request("GET", "/count", close=False), 500),
        (request("GET", "/nothing", close=False), 500),
        (request("POST", "/echo", body=b"{}", close=False), 500),  # refused before its body arrives
        (request("GET", "/legacy", "X-API-Key: KEY", close=False), 100),
        (request("GET", "/numbers/1", close=False), 100),
    ],
    ids=["function", "no route", "refused", "mount", "stream"],
)
async def test_busy_connection_does_not_starve_others(
    streams: HttpServer, call: bytes, count: int
) -> None:
    """Count the responses on another connection while one connection is busy."""
    call = call.replace(b"KEY", streams.platform.key(scopes=["probe:secret"]).encode())
    busy, busy_writer = await streams.connect()
    other, other_writer = await streams.connect()
    busy_writer.write(call * count + request())
    responses = asyncio.create_task(busy.read())
    polls = 0
    while not responses.done():
        other_writer.write(request("GET", HEALTH, close=False))
        await other.readuntil(b"}")
        polls += 1
    assert len(statuses(await responses)) == count + 1
    # In the shared event loop, a poll takes about five iterations, a call at least one.
    assert polls >= count / 8
    busy_writer.close()
    other_writer.close()
