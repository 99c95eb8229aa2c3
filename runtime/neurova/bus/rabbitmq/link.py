"""A connection that reconnects automatically."""

from __future__ import annotations

import asyncio
import logging
import random
from contextlib import suppress

from ...errors import NeurovaError
from .connection import CONNECT_TIMEOUT, Connection, until

LOGGER = logging.getLogger("neurova.events")

LONGEST_PAUSE = 5.0  # seconds between two attempts


def pause(failures: int) -> float:
    """Return the backoff in seconds after a number of consecutive failures."""
    longest = min(0.1 * 2.0 ** min(failures, 10), LONGEST_PAUSE)
    return longest * random.uniform(0.5, 1)  # noqa: S311 - jitter, not a secret


class Link:
    """Keep one connection to `url` open; while it is lost, `fault` is the reason."""

    def __init__(self, url: str, purpose: str) -> None:
        self.fault: NeurovaError | None = None
        self._url = url
        self._purpose = purpose
        self._connection: Connection | None = None
        self._connected = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Connect and stay connected. Raises Unavailable or StateError if connecting fails."""
        await self._connect()
        self._keeper = asyncio.create_task(self._keep_connected())

    async def connection(self) -> Connection:
        """Wait for the open connection and return it."""
        while True:
            await self._connected.wait()
            assert self._connection is not None
            if not self._connection.closed.done():
                return self._connection
            self._connected.clear()

    async def close(self) -> None:
        """Disconnect."""
        if self._keeper is not None:
            self._keeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeper
        if self._connection is not None:
            await self._connection.close()

    async def _connect(self) -> None:
        connection = Connection()
        async with until(asyncio.get_running_loop().time() + CONNECT_TIMEOUT):
            await connection.open(self._url)
        self._connection, self.fault = connection, None
        self._connected.set()

    async def _keep_connected(self) -> None:
        while True:
            assert self._connection is not None
            self.fault = await asyncio.shield(self._connection.closed)
            self._connected.clear()
            LOGGER.warning("Connection to %s is lost: %s", self._purpose, self.fault)
            failures = 0
            while not self._connected.is_set():
                await asyncio.sleep(pause(failures))
                try:
                    await self._connect()
                    LOGGER.warning("Connected to %s again", self._purpose)
                except NeurovaError as error:
                    self.fault = error
                    failures += 1
