"""The HTTP client that functions share, opened on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neurova.errors import ConfigError

if TYPE_CHECKING:
    import httpx


class HttpClients:
    """Hold one client per process, so that all requests to a server share its connections."""

    def __init__(self) -> None:
        self._client: httpx.AsyncClient | None = None

    def get(self) -> httpx.AsyncClient:
        """Return the client. Raises ConfigError if httpx is not installed."""
        if self._client is None:
            try:
                from neurova.traces.http_client import TracedClient
            except ImportError:
                fix = "run `pip install httpx`"
                raise ConfigError("the HTTP client needs httpx", fix=fix) from None
            self._client = TracedClient()
        return self._client

    async def close(self) -> None:
        """Close all connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()
