"""/health, /health/ready and /v1/health: liveness, readiness, and the state of each part."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from neurova.errors import Unavailable

from ...limits.base import Bucket
from ...metrics.totals import read_totals
from ..context import AdminContext
from ..http import json_response
from ..operation import Call, operation
from ..probes import Check, Part
from .workers import list_running


class Health(msgspec.Struct, frozen=True):
    """Whether calls can be served, and the state of each part."""

    ready: bool
    parts: Sequence[Part]


@operation("GET", "/health", public=True)
async def get_live(context: AdminContext, call: Call) -> dict[str, str]:
    """Get whether the platform runs."""
    return {"status": "live"}


@operation("GET", "/health/ready", errors=(503,), public=True)
async def get_ready(context: AdminContext, call: Call) -> Response:
    """Get whether the platform can serve calls."""
    if _all_up(await context.probes.get(required_checks(context))):
        return json_response({"status": "ready"})
    return json_response({"status": "not ready"}, 503)


@operation("GET", "/v1/health")
async def get_health(context: AdminContext, call: Call) -> Health:
    """Get the state of each part."""
    others = await run_in_threadpool(context.parts)
    required, more = await asyncio.gather(
        context.probes.get(required_checks(context)), context.probes.get(others)
    )
    return Health(_all_up(required), [*required, *more])


def required_checks(context: AdminContext) -> dict[str, Check]:
    """Return the checks of the parts without which no call can be served."""
    checks = {"workers": _check_workers}
    if context.embedded:
        checks |= {"keys": _check_keys, "limits": _check_limits}
    return {name: partial(_part, name, check, context) for name, check in checks.items()}


def _all_up(parts: Sequence[Part]) -> bool:
    return all(part.status == "up" for part in parts)


def _check_keys(context: AdminContext) -> str:
    context.keys().version()
    return "the key store responds"


def _check_limits(context: AdminContext) -> str:
    context.limiter().usage([Bucket("health", 1, 1)])
    return "the limits table responds"


def _check_workers(context: AdminContext) -> str:
    workers = list_running(read_totals(context.counters), time.time())
    serving = sum(worker.status == "serving" for worker in workers)
    if not serving:
        raise Unavailable(
            f"none of {len(workers)} workers responds", fix="see neurova.jsonl for the reason"
        )
    return f"{serving} of {len(workers)} serve"


def _part(name: str, check: Callable[[AdminContext], str], context: AdminContext) -> Part:
    return Part(name, "up", check(context))


OPERATIONS = (get_live, get_ready, get_health)
