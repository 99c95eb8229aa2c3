"""A port that cannot be had is said, with the fix, also one that the system would let us share."""

import socket

import pytest

from neurova.errors import ConfigError
from neurova_platform.listener import bind, bind_all


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
