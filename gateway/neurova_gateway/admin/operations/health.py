"""/health, /health/ready and /v1/health: whether the platform lives, serves, and what ails it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from neurova.errors import NeurovaError

from ...limits.base import Bucket
from ...metrics.totals import read_totals
from ..answer import answer, query
from ..sources import Part, Sources
from .live import working

PATIENCE = 2.0
GOOD_FOR = 1.0
"""Seconds for which a look at the parts is good: probes cost no more than one a second."""


class Health(msgspec.Struct, frozen=True):
    """State whether calls can be served, and how each part stands."""

    ready: bool
    parts: Sequence[Part]


class Look:
    """Look at one part on a thread, one look at a time, each good for a second."""

    def __init__(self, name: str, look: Callable[[], Part]) -> None:
        self._name = name
        self._look = look
        self._running: asyncio.Task[Part] | None = None
        self._ended = 0.0

    async def get(self) -> Part:
        """Return what was seen within the last second, or what is seen now."""
        running = self._running
        if running is None or (running.done() and time.monotonic() - self._ended > GOOD_FOR):
            running = self._running = asyncio.ensure_future(self._take())
        done, _ = await asyncio.wait([running], timeout=PATIENCE)
        if not done:
            return Part(self._name, "unreachable", f"no answer within {PATIENCE:g} s", "look again")
        return running.result()

    async def _take(self) -> Part:
        try:
            return await run_in_threadpool(self._look)
        except NeurovaError as error:
            says, _, fix = str(error).rpartition(": ")
            return Part(self._name, "unreachable", says or fix, fix if says else "")
        finally:
            self._ended = time.monotonic()


class Looks:
    """Look at several parts at once; `parts` gives what looks at each, by its name."""

    def __init__(self, parts: Callable[[], Mapping[str, Callable[[], Part]]]) -> None:
        self._parts = parts
        self._looks: dict[str, Look] = {}

    async def get(self) -> list[Part]:
        """Return how each part stands."""
        parts = await run_in_threadpool(self._parts)
        self._looks = {
            name: self._looks.get(name) or Look(name, look) for name, look in parts.items()
        }
        return list(await asyncio.gather(*(look.get() for look in self._looks.values())))


def routes(sources: Sources) -> list[Route]:
    """Return the resources of health; the two below /health tell no details."""
    needed = Looks(lambda: _needed(sources))
    more = Looks(sources.parts)

    async def live(request: Request) -> Response:
        query(request, ())
        return answer({"status": "live"})

    async def ready(request: Request) -> Response:
        query(request, ())
        if _up(await needed.get()):
            return answer({"status": "ready"})
        return answer({"status": "not ready"}, 503)

    async def health(request: Request) -> Response:
        query(request, ())
        first, others = await asyncio.gather(needed.get(), more.get())
        return answer(Health(_up(first), [*first, *others]))

    return [
        Route("/health", live),
        Route("/health/ready", ready),
        Route("/v1/health", health),
    ]


def _up(parts: Sequence[Part]) -> bool:
    return all(part.status == "up" for part in parts)


def _needed(sources: Sources) -> dict[str, Callable[[], Part]]:
    """Return what looks at what every call needs."""
    looks = {"workers": _workers}
    if sources.embedded:
        looks |= {"keys": _keys, "limits": _limits}
    return {name: partial(_part, name, look, sources) for name, look in looks.items()}


def _keys(sources: Sources) -> str:
    sources.keys().version()
    return "the key store answers"


def _limits(sources: Sources) -> str:
    sources.limiter().usage([Bucket("health", 1, 1)])
    return "the table can be locked"


def _workers(sources: Sources) -> str:
    workers = working(read_totals(sources.counters), time.time())
    serving = sum(worker.status == "serving" for worker in workers)
    if not serving:
        raise NeurovaError(f"none of {len(workers)} workers answers: see neurova.jsonl for why")
    return f"{serving} of {len(workers)} serve"


def _part(name: str, look: Callable[[Sources], str], sources: Sources) -> Part:
    return Part(name, "up", look(sources))
