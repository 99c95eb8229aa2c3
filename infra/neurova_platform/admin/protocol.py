"""The HTTP protocol of the Admin API, with a timeout for request heads; h11 limits their size."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_TIMEOUT = 5.0


class AdminProtocol(H11Protocol):
    """Close a connection if no complete request head arrives within 5 s."""

    deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn also allows other transports
        """Start the timeout for the first request head."""
        super().connection_made(transport)
        self.deadline = self.loop.call_later(HEAD_TIMEOUT, transport.close)

    def data_received(self, data: bytes) -> None:
        """Stop the timeout during a request, and restart it for the next request head."""
        super().data_received(data)
        in_request = self.cycle is not None and not self.cycle.response_complete
        if in_request and self.deadline is not None:
            self.deadline.cancel()
            self.deadline = None
        elif not in_request and self.deadline is None:
            self.deadline = self.loop.call_later(HEAD_TIMEOUT, self.transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timeout."""
        if self.deadline is not None:
            self.deadline.cancel()
        super().connection_lost(exc)
