"""/v1/platform and /v1/reloads: the running platform, and the services that failed to reload."""

from __future__ import annotations

import sys
import time

import msgspec

from ..context import AdminContext
from ..operation import Call, operation
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


@operation("GET", "/v1/platform")
def get_platform(context: AdminContext, call: Call) -> Platform:
    """Get name, environment, version and uptime."""
    return Platform(
        context.name,
        context.environment,
        context.version,
        sys.version.partition(" ")[0],
        context.started,
        round(time.time() - context.started, 3),
    )


@operation("GET", "/v1/reloads")
def list_reloads(context: AdminContext, call: Call) -> Page[Reload]:
    """List the services that failed to reload and serve their previous version."""
    return paginate(context.reloads.failed(), call.query, lambda each: each.service)


OPERATIONS = (get_platform, list_reloads)
