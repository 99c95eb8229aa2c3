"""Listening sockets: one for a process, or one for each of several on the same port."""

from __future__ import annotations

import errno
import socket

from neurova.errors import ConfigError

BACKLOG = 2048
ACCEPTS = 16


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket. Raises ConfigError when the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise _refused(host, port, error) from None


def bind_all(host: str, port: int, count: int) -> list[socket.socket]:
    """Return `count` listening sockets on one port, among which the kernel spreads connections.

    Raises ConfigError when the address cannot be had, also when others would share it with us.
    """
    # Sockets that share a port let others of the same user in: one that does not shows them.
    sockets = [_bound(host, port, shared=False)]
    try:
        port = sockets[0].getsockname()[1]
        sockets += [_bound(host, port, shared=True) for _ in range(count)]
        sockets.pop(0).close()
        for each in sockets:
            try:
                each.listen(BACKLOG)
            except OSError as error:
                raise _refused(host, port, error) from None
    except BaseException:
        for each in sockets:
            each.close()
        raise
    return sockets


def doors(listener: socket.socket, count: int = ACCEPTS) -> list[socket.socket]:
    """Return a socket `count` times over, for an event loop to listen on each.

    libuv takes one connection from a socket in a turn of its loop, which is too few where a turn
    takes as long as a call: connections would wait in the kernel, where nobody refuses them.
    """
    return [listener, *(listener.dup() for _ in range(count - 1))]


def _bound(host: str, port: int, *, shared: bool) -> socket.socket:
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if made.family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind((host, port))
    except OSError as error:
        made.close()
        raise _refused(host, port, error) from None
    return made


def _refused(host: str, port: int, error: OSError) -> ConfigError:
    if error.errno == errno.EADDRINUSE:
        why = "is in use: stop what listens there, or take another by --port"
    elif error.errno == errno.EACCES:
        why = "may not be taken by this user: take one above 1023 by --port"
    else:
        why = f"cannot be had ({error.strerror or error}): mend gateway.host"
    return ConfigError(f"{host} port {port} {why}")
