"""Serve an ASGI app on a separate listener beside the gateway."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import uvicorn

DRAIN_SECONDS = 2


class LazyApp:
    """Create an ASGI app at the first request, so that its imports do not slow the start."""

    def __init__(self, make_app: Callable[[], Any]) -> None:
        self._make_app = make_app
        self._app: asyncio.Future[Any] | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Handle one request."""
        if self._app is None:
            self._app = asyncio.ensure_future(asyncio.to_thread(self._make_app))
        try:
            app = await asyncio.shield(self._app)
        except BaseException:
            self._app = None  # let the next request retry
            raise
        await app(scope, receive, send)


@asynccontextmanager
async def serve_app(
    make_app: Callable[[], Any],
    listener: socket.socket,
    *,
    http: Any = "auto",
    limit_concurrency: int,
) -> AsyncIterator[None]:
    """Serve on the running event loop until the block ends; create the app at the first request."""
    config = uvicorn.Config(
        LazyApp(make_app),
        http=http,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        date_header=False,
        server_header=False,
        limit_concurrency=limit_concurrency,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup([listener])
    try:
        yield
    finally:
        await server.shutdown([listener])
