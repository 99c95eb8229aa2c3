"""The app of the Admin API: its resources, in one visible list, behind its guard."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from starlette.exceptions import HTTPException
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.routing import Route, Router

from . import document
from .audit import Audit
from .guard import Guard, unanswered
from .operations import calls, consumers, functions, health, keys, limits, live, metrics, platform
from .sources import Sources


def resources(sources: Sources) -> list[Route]:
    """Return everything that is answered, in order."""
    return [
        *health.routes(sources),
        *metrics.routes(sources),
        *platform.routes(sources),
        *functions.routes(sources),
        *keys.routes(sources),
        *consumers.routes(sources),
        *limits.routes(sources),
        *live.routes(sources),
        *calls.routes(sources),
        *document.routes(sources),
    ]


def admin(sources: Sources, token: str, hosts: Iterable[str] = ()) -> Guard:
    """Return the ASGI app; `token` opens it, `hosts` are answered beside loopback's names."""
    router = Router(resources(sources), redirect_slashes=False)
    # All other faults are the guard's.
    answering = ExceptionMiddleware(router, {HTTPException: unanswered})

    async def app(scope: Any, receive: Any, send: Any) -> None:
        # Starlette's router raises what it refuses only when it is told of an app.
        await answering({**scope, "app": None}, receive, send)

    return Guard(app, token, Audit(sources.audit), hosts)
