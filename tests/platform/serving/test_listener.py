"""Listening sockets: errors name the fix, and only workers of one platform share a port."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
import uvloop

from neurova.errors import ConfigError
from neurova_platform.serving.listener import ACCEPTS_PER_TURN, bind, bind_all, duplicate
from neurova_platform.serving.serve import check_certificate

Bind = Callable[[str, int], object]


def bind_two(host: str, port: int) -> list[socket.socket]:
    return bind_all(host, port, 2)


@pytest.mark.parametrize("binding", [bind, bind_two])
def test_unavailable_address_is_named_with_the_fix(binding: Bind) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"127\.0\.0\.1 port {port}: in use.*--port"):
            binding("127.0.0.1", port)
    with pytest.raises(ConfigError, match=r"203\.0\.113\.1 port 8000: .*gateway\.host"):
        binding("203.0.113.1", 8000)
    with ExitStack() as stack:  # a port shared by another platform's workers
        first = [stack.enter_context(each) for each in bind_two("127.0.0.1", 0)]
        port = first[0].getsockname()[1]
        with pytest.raises(ConfigError, match=rf"{port}: in use"):
            binding("127.0.0.1", port)


def test_unusable_certificate_is_named_with_the_fix(tmp_path: Path) -> None:
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).write_text("nothing")
    with pytest.raises(ConfigError, match=r"cert\.pem.*PEM"):
        check_certificate(str(tmp_path / "cert.pem"), str(tmp_path / "key.pem"))


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_kernel_distributes_connections(host: str) -> None:
    with ExitStack() as stack:
        sockets = [stack.enter_context(each) for each in bind_all(host, 0, 3)]
        address = (host, sockets[0].getsockname()[1])
        for _ in range(100):
            stack.enter_context(socket.create_connection(address))
        accepted = []
        for each in sockets:
            each.setblocking(False)
            accepted.append(0)
            while True:
                try:
                    stack.enter_context(each.accept()[0])
                except BlockingIOError:
                    break
                accepted[-1] += 1
        assert sum(accepted) == 100
        assert all(accepted)


def test_simultaneous_connections_are_accepted_in_few_turns() -> None:
    """In each iteration, uvloop accepts one connection per socket, and may then run a call."""
    turns: list[int] = []
    turn, clients = 0, 4 * ACCEPTS_PER_TURN

    class Accepted(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            turns.append(turn)
            transport.close()

    async def accept_all(listener: socket.socket) -> None:
        nonlocal turn
        loop = asyncio.get_running_loop()
        servers = [await loop.create_server(Accepted, sock=copy) for copy in duplicate(listener)]
        callers = [socket.create_connection(listener.getsockname()) for _ in range(clients)]
        while len(turns) < clients:
            turn += 1
            await asyncio.sleep(0)
        for each in (*callers, *servers):
            each.close()

    with bind("127.0.0.1", 0) as listener:
        uvloop.run(accept_all(listener))
    assert turns[-1] - turns[0] < 16
