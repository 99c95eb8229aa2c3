"""Connections of the Admin API: bounded in time; h11 bounds a head to 64 KiB."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 5.0


class AdminProtocol(H11Protocol):
    """Close a connection whose head does not come within 5 s."""

    deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # TCP
        """Begin to wait for a head."""
        super().connection_made(transport)
        self.deadline = self.loop.call_later(HEAD_SECONDS, transport.close)

    def data_received(self, data: bytes) -> None:
        """Wait on while there is no whole head."""
        super().data_received(data)
        heard = self.cycle is not None and not self.cycle.response_complete
        if heard and self.deadline is not None:
            self.deadline.cancel()
            self.deadline = None
        elif not heard and self.deadline is None:
            self.deadline = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        if self.deadline is not None:
            self.deadline.cancel()
        super().connection_lost(exc)
