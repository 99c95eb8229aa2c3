"""/v1/platform and /v1/reloads: what runs, since when, and what was saved but cannot be served."""

from __future__ import annotations

import sys
import time

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..answer import answer, query
from ..page import PARAMETERS, Page, paged
from ..sources import Sources


class Platform(msgspec.Struct, frozen=True):
    """State what runs; `started` in Unix seconds, `uptime` in seconds."""

    name: str
    environment: str
    version: str
    python: str
    started: float
    uptime: float


def routes(sources: Sources) -> list[Route]:
    """Return the resources of the platform itself."""

    def platform(request: Request) -> Response:
        query(request, ())
        return answer(
            Platform(
                sources.name,
                sources.environment,
                sources.version,
                sys.version.partition(" ")[0],
                sources.started,
                round(time.time() - sources.started, 3),
            )
        )

    def reloads(request: Request) -> Response:
        asked = query(request, PARAMETERS)
        found = sources.reloads.faults()
        return answer(Page(*paged(found, asked, lambda each: each.service)))

    return [Route("/v1/platform", platform), Route("/v1/reloads", reloads)]
