"""A connection of Kong to its plugin server: one unanswered RPC at a time."""

from __future__ import annotations

import select
import socket
import threading
from contextlib import suppress
from typing import Any, NamedTuple

_MAX_MESSAGE = 16 * 1024 * 1024
_CHUNK = 65536
_STEP = "plugin.Step"


class Rpc(NamedTuple):
    """One RPC that Kong sends to the plugin server."""

    number: int
    method: str
    arguments: list[Any]

    @property
    def event(self) -> int | None:
        """Return the id of the event that this step continues, None for other RPCs."""
        if not self.method.startswith(_STEP) or len(self.arguments) != 1:
            return None
        step = self.arguments[0]
        return step.get("EventId") if isinstance(step, dict) else None


class Connection:
    """Receive RPCs in one thread; any thread may answer them.

    Text is UTF-8 with invalid bytes as surrogates, because header fields may contain any bytes.
    """

    def __init__(self, connection: socket.socket) -> None:
        import msgpack

        self._socket = connection
        self._unpack_error = msgpack.UnpackException
        self._unpacker = msgpack.Unpacker(
            strict_map_key=False, unicode_errors="surrogateescape", max_buffer_size=_MAX_MESSAGE
        )
        self._pack = msgpack.Packer(unicode_errors="surrogateescape").pack
        self._woken, self._waker = socket.socketpair()
        self._poll = select.poll()
        self._poll.register(connection, select.POLLIN)
        self._poll.register(self._woken, select.POLLIN)
        self._number = 0
        self._closed = threading.Event()

    def receive(self) -> Rpc | None:
        """Return the next RPC, None if the connection has ended."""
        try:
            while True:
                for _, number, method, arguments in self._unpacker:
                    self._number = number
                    return Rpc(number, method, arguments)
                received = self._socket.recv(_CHUNK)
                if not received:
                    return None
                self._unpacker.feed(received)
        except (OSError, TypeError, ValueError, self._unpack_error):
            return None  # an incomplete message cannot be answered

    def reply(self, result: object, error: str | None = None) -> None:
        """Answer the last RPC."""
        # Ignore errors: if Kong has closed the connection, Kong's guard refuses the call.
        with suppress(OSError):
            self._socket.sendall(self._pack([1, self._number, error, result]))

    def wait(self, seconds: float) -> bool | None:
        """Wait for an RPC or `wake`; return True for an RPC, False for `wake`, None on timeout."""
        ready = {handle for handle, _ in self._poll.poll(seconds * 1000)}
        if self._woken.fileno() in ready:
            self._woken.recv(_CHUNK)
            return False
        return True if ready else None

    def wake(self) -> None:
        """Interrupt `wait` in another thread, if it still waits."""
        with suppress(OSError):
            self._waker.send(b"\0")

    def close(self) -> None:
        """End `wait_until_closed`, whose caller closes the socket."""
        self._closed.set()

    def wait_until_closed(self) -> None:
        """Block until the connection has ended, then release its resources."""
        self._closed.wait()
        self._woken.close()
        self._waker.close()
