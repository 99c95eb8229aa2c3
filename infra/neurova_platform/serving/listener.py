"""Listening sockets: one, or several on the same port."""

from __future__ import annotations

import errno
import socket

from neurova.errors import ConfigError

BACKLOG = 2048
ACCEPTS_PER_TURN = 16


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket. Raises ConfigError if the address is not available."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise _unavailable(host, port, error) from None


def bind_all(host: str, port: int, count: int) -> list[socket.socket]:
    """Return `count` listening sockets on one port; the kernel distributes connections among them.

    Raises ConfigError if the address is not available, even if another process would share it.
    """
    # Processes of one user can share a port: bind it once without sharing to detect such processes.
    sockets = [_bind_socket(host, port, is_shared=False)]
    try:
        port = sockets[0].getsockname()[1]
        sockets += [_bind_socket(host, port, is_shared=True) for _ in range(count)]
        sockets.pop(0).close()
        for each in sockets:
            try:
                each.listen(BACKLOG)
            except OSError as error:
                raise _unavailable(host, port, error) from None
    except BaseException:
        for each in sockets:
            each.close()
        raise
    return sockets


def duplicate(listener: socket.socket, count: int = ACCEPTS_PER_TURN) -> list[socket.socket]:
    """Return `count` copies of a listening socket; the event loop listens on each.

    libuv accepts only one connection per socket and loop iteration. If iterations are long,
    connections would wait in the kernel, where overload control cannot refuse them.
    """
    return [listener, *(listener.dup() for _ in range(count - 1))]


def _bind_socket(host: str, port: int, *, is_shared: bool) -> socket.socket:
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if is_shared:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if made.family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind((host, port))
    except OSError as error:
        made.close()
        raise _unavailable(host, port, error) from None
    return made


def _unavailable(host: str, port: int, error: OSError) -> ConfigError:
    if error.errno == errno.EADDRINUSE:
        what, fix = "in use", "stop the process that listens there, or choose another with --port"
    elif error.errno == errno.EACCES:
        what, fix = "this user may not listen on the port", "choose a port above 1023 with --port"
    else:
        what, fix = f"the address is not available ({error.strerror or error})", "fix gateway.host"
    return ConfigError(what, where=f"{host} port {port}", fix=fix)
