"""A blocking Redis client with one connection; importing redis-py takes 0.2 s longer."""

from __future__ import annotations

import select
import socket
import ssl
import threading
from typing import Any

import hiredis

from neurova.errors import Unavailable

from .script import Word
from .url import RedisUrl

_CHUNK = 65_536


class RedisClient:
    """Run commands one at a time, from any thread; `timeout`: seconds per command.

    After a failure or a disconnect, the next command connects again.
    """

    def __init__(self, url: RedisUrl, timeout: float) -> None:
        self._url = url
        self._timeout = timeout
        self._socket: socket.socket | None = None
        self._reader = hiredis.Reader()
        self._running = threading.Lock()

    def run(self, *words: Word) -> Any:
        """Run a command and return its reply. Raises Unavailable on failure or an error reply."""
        return self._accept(self._send(*words))

    def run_script(self, script: str, sha: str, *words: Word) -> Any:
        """Run a script; send its text if Redis has not cached it. Raises Unavailable."""
        reply = self._send("EVALSHA", sha, *words)
        if isinstance(reply, hiredis.HiredisError) and str(reply).startswith("NOSCRIPT"):
            reply = self._send("EVAL", script, *words)
        return self._accept(reply)

    def close(self) -> None:
        """Close the connection."""
        with self._running:
            self._close()

    def _send(self, *words: Word) -> Any:
        """Return the reply to a command; an error reply is returned, not raised."""
        with self._running:
            try:
                self._open()
                return self._exchange(*words)
            except (OSError, hiredis.HiredisError) as error:
                self._close()
                raise Unavailable(f"Redis does not answer: {error}", where=str(self._url)) from None

    def _accept(self, reply: Any) -> Any:
        if isinstance(reply, hiredis.HiredisError):
            raise Unavailable(f"Redis refused: {reply}", where=str(self._url))
        return reply

    def _open(self) -> None:
        """Connect, unless the connection is open and idle.

        An idle connection becomes readable only when the server closes it.
        """
        if self._socket is not None and not _is_readable(self._socket):
            return
        self._close()
        url = self._url
        if url.path:
            self._socket = socket.socket(socket.AF_UNIX)
            self._socket.settimeout(self._timeout)
            self._socket.connect(url.path)
        else:
            self._socket = socket.create_connection((url.host, url.port), self._timeout)
        if url.is_tls:
            context = ssl.create_default_context()
            self._socket = context.wrap_socket(self._socket, server_hostname=url.host)
        self._reader = hiredis.Reader()
        password = [("AUTH", *filter(None, (url.user, url.password)))] if url.password else []
        for words in [*password, ("SELECT", url.database), ("CLIENT", "SETNAME", "neurova")]:
            reply = self._exchange(*words)
            if isinstance(reply, hiredis.HiredisError):
                raise reply

    def _exchange(self, *words: Word) -> Any:
        assert self._socket is not None
        self._socket.sendall(hiredis.pack_command(words))  # type: ignore[arg-type]  # its stub takes one word
        while (reply := self._reader.gets()) is False:
            data = self._socket.recv(_CHUNK)
            if not data:
                raise ConnectionResetError("the connection is closed")
            self._reader.feed(data)
        return reply

    def _close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _is_readable(connection: socket.socket) -> bool:
    poll = select.poll()  # `select.select` does not support descriptors above 1,023
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))
