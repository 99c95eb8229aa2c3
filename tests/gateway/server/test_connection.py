"""Connections are closed in time, and the requests on them answered."""

from __future__ import annotations

import asyncio
import socket
import struct

import pytest
from tests.conftest import HttpServer
from tests.gateway.raw_http import request, statuses, wait_until
from tests.gateway.server.conftest import namespace, set_options


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
    reset = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
    writer.transport.abort()
    assert statuses(await server.send(request("GET", "/wait/100"))) == [200]
    assert sorted(record.status for record in server.platform.records()) == [200, 499]


async def test_half_closed_client_gets_its_response(server: HttpServer) -> None:
    """Some event loops deliver data and EOF before anything else runs."""
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
        await streams.send(request())  # by then the server has read the request before
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
