"""The app of the Admin API: its resources, in one visible list, behind its guard."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Route

from . import calls, consumers, functions, health, keys, limits, live, metrics, platform
from .audit import Audit
from .guard import Guard, unanswered
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
    ]


def admin(sources: Sources, token: str, hosts: Iterable[str] = ()) -> Guard:
    """Return the ASGI app; `token` opens it, `hosts` are answered beside loopback's names."""
    handlers: dict[Any, Any] = {HTTPException: unanswered}
    app = Starlette(routes=resources(sources), exception_handlers=handlers)
    app.router.redirect_slashes = False
    return Guard(app, token, Audit(sources.audit), hosts)
