"""One connection to Redis that all calls of an event loop share."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from typing import Any, cast

import hiredis

from neurova.errors import Unavailable

from .script import SCRIPT, Word
from .url import RedisUrl

CONNECT_SECONDS = 1.0


class Pipe(asyncio.Protocol):
    """Send commands at once and match their replies in order.

    If a command has no reply after `timeout` seconds, the connection is closed. The futures of all
    unanswered commands then raise Unavailable.
    """

    def __init__(self, url: RedisUrl, timeout: float) -> None:
        self._url = url
        self._timeout = timeout
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._reader = hiredis.Reader()
        self._sent: deque[tuple[asyncio.Future[Any], float]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_open(self) -> bool:
        """Return whether commands can be sent."""
        return self._transport is not None

    async def open(self) -> None:
        """Connect, log in and load the script. Raises Unavailable."""
        url = self._url
        context = ssl.create_default_context() if url.is_tls else None
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                if url.path:
                    await self._loop.create_unix_connection(lambda: self, url.path)
                else:
                    await self._loop.create_connection(
                        lambda: self, url.host, url.port, ssl=context
                    )
                if url.password:
                    await self.send("AUTH", *filter(None, (url.user, url.password)))
                await self.send("SELECT", url.database)
                await self.send("SCRIPT", "LOAD", SCRIPT)
        except (OSError, TimeoutError, Unavailable) as error:
            self.close()
            raise Unavailable(f"Redis does not answer: {error}", where=str(url)) from None

    def send(self, *words: Word) -> asyncio.Future[Any]:
        """Send a command and return a future for its reply; the future may raise Unavailable."""
        future: asyncio.Future[Any] = self._loop.create_future()
        if self._transport is None:
            future.set_exception(Unavailable("Redis is not connected", where=str(self._url)))
            return future
        packed = hiredis.pack_command(words)  # type: ignore[arg-type]  # its stub takes one word
        self._transport.write(packed)
        now = self._loop.time()
        self._sent.append((future, now))
        if self._timer is None:
            self._timer = self._loop.call_at(now + self._timeout, self._check_time)
        return future

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.abort()
        self.connection_lost(None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport, so that commands can be sent."""
        self._transport = cast(asyncio.Transport, transport)
        self._reader = hiredis.Reader()

    def data_received(self, data: bytes) -> None:
        """Set the results of the commands whose replies are complete."""
        self._reader.feed(data)
        while (reply := self._reader.gets()) is not False and self._sent:
            future, _ = self._sent.popleft()
            if future.done():  # the call that sent the command was cancelled
                continue
            if isinstance(reply, hiredis.HiredisError):
                future.set_exception(Unavailable(f"Redis refused: {reply}", where=str(self._url)))
            else:
                future.set_result(reply)

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail all unanswered commands."""
        self._transport = None
        sent, self._sent = self._sent, deque()
        for future, _ in sent:
            if not future.done():
                error = Unavailable("Redis ended the connection", where=str(self._url))
                future.set_exception(error)

    def _check_time(self) -> None:
        self._timer = None
        if not self._sent:
            return
        due = self._sent[0][1] + self._timeout
        if due <= self._loop.time():
            self.close()
        else:
            self._timer = self._loop.call_at(due, self._check_time)
