"""/v1/platform and /v1/reloads: what runs, and which services failed to reload."""

from __future__ import annotations

import sys
import time

import msgspec

from ..context import AdminContext
from ..operation import Call, Operation
from ..paging import Page, paginate
from ..reloads import Reload


class Platform(msgspec.Struct, frozen=True):
    """What runs; `started` in Unix seconds, `uptime` in seconds."""

    name: str
    environment: str
    version: str
    python: str
    started: float
    uptime: float


def get_platform(context: AdminContext, call: Call) -> Platform:
    """Return what runs."""
    return Platform(
        context.name,
        context.environment,
        context.version,
        sys.version.partition(" ")[0],
        context.started,
        round(time.time() - context.started, 3),
    )


def list_reloads(context: AdminContext, call: Call) -> Page:
    """Return the services that failed to reload."""
    return paginate(context.reloads.failed(), call.query, lambda each: each.service)


OPERATIONS = (
    Operation(
        method="GET",
        path="/v1/platform",
        summary="Get name, environment, version and uptime.",
        handler=get_platform,
        response=Platform,
    ),
    Operation(
        method="GET",
        path="/v1/reloads",
        summary="List the services that failed to reload and serve their previous version.",
        handler=list_reloads,
        response=Reload,
        paged=True,
    ),
)
