"""A connection is let go in time, and what was asked on it is answered."""

from __future__ import annotations

import asyncio
import socket
import struct

from tests.gateway.octets import request, statuses


def test_a_head_that_does_not_come_is_cut_with_408(door) -> None:
    options = door.platform.platform.gateway
    options.options = type(options.options)(head_timeout=0.1, body_timeout=0.1)
    assert statuses(door.exchange(b"GET /count HTTP/1.1\r\nHo")) == [408]
    key = door.platform.key(scopes=["probe:write"])
    slow = request("POST", "/echo", f"X-API-Key: {key}", "Content-Length: 100") + b"{"
    assert statuses(door.exchange(slow)) == [408]


def test_a_client_that_leaves_is_noted_and_harms_nobody(door) -> None:

    async def leave() -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", door.port)
        writer.write(request("GET", "/wait/50", close=False))
        while not any(c.running for c in door.platform.platform.connection_manager.connections):
            await asyncio.sleep(0)  # a reset takes with it what was not read yet
        reset = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
        writer.transport.abort()

    door.run(leave())
    answer = door.exchange(request("GET", "/wait/100"))
    assert statuses(answer) == [200]
    assert sorted(record.status for record in door.platform.records()) == [200, 499]


def test_a_client_that_half_closes_gets_its_answer(door) -> None:
    assert statuses(door.exchange(request("GET", "/wait/20", close=False), eof=True)) == [200]


def test_a_drain_answers_what_was_asked_and_closes_what_idles(door) -> None:
    async def drain() -> tuple[bytes, bytes]:
        idle, idler = await asyncio.open_connection("127.0.0.1", door.port)
        reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
        writer.write(request("GET", "/wait/50", close=False))
        while not any(c.running for c in door.platform.platform.connection_manager.connections):
            await asyncio.sleep(0)
        for connection in list(door.server.server_state.connections):
            connection.shutdown()
        answers = await reader.read(), await idle.read()
        writer.close()
        idler.close()
        return answers

    answered, idled = door.run(drain())
    assert statuses(answered) == [200]
    assert b"connection: close" in answered
    assert idled == b""


def serve_much(door, project, size: str) -> None:
    (project / "functions" / "probe" / "much.py").write_text(
        "from neurova import get\n\n\n"
        '@get("/much", public=True)\n'
        "async def much() -> bytes:\n"
        f"    return bytes({size})\n"
    )
    door.platform.platform.load()


def test_a_client_that_does_not_read_is_let_go(door, probe_project) -> None:
    serve_much(door, probe_project, "32 << 20")
    gateway = door.platform.platform.gateway
    gateway.options = type(gateway.options)(body_timeout=0.1)

    async def deaf() -> int:
        with socket.create_connection(("127.0.0.1", door.port)) as client:
            client.sendall(request("GET", "/much", close=False))
            edge = door.platform.platform.connection_manager
            while not edge.connections:
                await asyncio.sleep(0)
            while edge.connections:
                await asyncio.sleep(0)
        return len(edge.connections)

    assert door.run(deaf()) == 0


def test_of_a_client_that_does_not_read_no_more_is_answered_until_it_does(
    door, probe_project
) -> None:
    serve_much(door, probe_project, "1 << 20")

    async def deaf() -> tuple[int, bytes]:
        reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
        writer.transport.pause_reading()
        edge = door.platform.platform.connection_manager
        while not edge.connections:
            await asyncio.sleep(0)
        (connection,) = edge.connections
        most = 0
        for number in range(1, 31):
            writer.write(request("GET", "/much", close=number == 30))
            await door.talk(request())  # what was sent before is read by now, if it is at all
            most = max(most, connection.transport.get_write_buffer_size())
        writer.transport.resume_reading()
        answer = await reader.read()
        writer.close()
        return most, answer

    most, answer = door.run(deaf())
    assert most < 2 << 20
    assert statuses(answer) == [200] * 30
