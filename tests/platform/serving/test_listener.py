"""A port that cannot be had is said, with the fix, also one that the system would let us share."""

import asyncio
import socket

import pytest
import uvloop

from neurova.errors import ConfigError
from neurova_platform.serving.listener import ACCEPTS, bind, bind_all, doors


def test_a_port_in_use_is_named_with_the_fix() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"{port}.*in use.*--port"):
            bind("127.0.0.1", port)
        with pytest.raises(ConfigError, match=rf"{port}.*in use.*--port"):
            bind_all("127.0.0.1", port, 2)


def test_sockets_of_another_that_could_be_shared_are_not() -> None:
    theirs = bind_all("127.0.0.1", 0, 2)
    port = theirs[0].getsockname()[1]
    try:
        with pytest.raises(ConfigError, match=rf"{port}.*in use"):
            bind_all("127.0.0.1", port, 2)
    finally:
        for each in theirs:
            each.close()


def test_an_address_that_is_not_this_machines_is_named() -> None:
    for binding in (lambda: bind("203.0.113.1", 8000), lambda: bind_all("203.0.113.1", 8000, 1)):
        with pytest.raises(ConfigError, match=r"203\.0\.113\.1.*gateway\.host"):
            binding()


def test_a_free_port_is_found() -> None:
    with bind("127.0.0.1", 0) as listener:
        assert listener.getsockname()[1] > 0


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_connections_are_spread_over_all_sockets_of_a_port(host: str) -> None:
    sockets = bind_all(host, 0, 3)
    port = sockets[0].getsockname()[1]
    clients = [socket.create_connection((host, port)) for _ in range(100)]
    taken = []
    for each in sockets:
        each.setblocking(False)
        taken.append(0)
        while True:
            try:
                each.accept()[0].close()
            except BlockingIOError:
                break
            taken[-1] += 1
    assert sum(taken) == 100
    assert all(taken)
    for each in [*clients, *sockets]:
        each.close()


def test_connections_that_come_together_are_taken_in_few_turns_of_the_loop() -> None:
    """A turn may take as long as a call: one connection a turn would be too few."""
    turns: list[int] = []

    class Taken(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            turns.append(turn)
            transport.close()

    turn, clients = 0, 4 * ACCEPTS

    async def serve(listener: socket.socket) -> None:
        nonlocal turn
        loop = asyncio.get_running_loop()
        servers = [await loop.create_server(Taken, sock=door) for door in doors(listener)]
        address = listener.getsockname()
        came = [socket.create_connection(address) for _ in range(clients)]
        while len(turns) < clients:
            turn += 1
            await asyncio.sleep(0)
        for each in (*came, *servers):
            each.close()

    with bind("127.0.0.1", 0) as listener:
        uvloop.run(serve(listener))
    assert turns[-1] - turns[0] < 16
