"""Health checks of the parts of a platform: each on a thread, cached, with a timeout."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Literal

import msgspec
from starlette.concurrency import run_in_threadpool

from neurova.errors import NeurovaError

TIMEOUT = 2.0
MAX_AGE = 1.0
"""Seconds during which a cached result is returned, so that frequent requests cost little."""


class Part(msgspec.Struct, frozen=True, omit_defaults=True):
    """The state of one part of the platform; `fix` says what to do if it is not up."""

    name: str
    status: Literal["up", "behind", "unreachable"]
    message: str = ""
    fix: str = ""


Check = Callable[[], Part]
"""A function that returns the state of a part; it may block or raise NeurovaError."""


class Probe:
    """Run one check on a thread, never twice at the same time, and cache its result."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._running: asyncio.Task[Part] | None = None
        self._finished = 0.0

    async def get(self, check: Check) -> Part:
        """Return the cached result, or run `check` if the result is older than `MAX_AGE`."""
        running = self._running
        if running is None or (running.done() and time.monotonic() - self._finished > MAX_AGE):
            running = self._running = asyncio.ensure_future(self._run(check))
        done, _ = await asyncio.wait([running], timeout=TIMEOUT)
        if not done:
            return Part(
                self._name,
                "unreachable",
                f"no response within {TIMEOUT:g} s",
                "check that it runs, then retry",
            )
        return running.result()

    async def _run(self, check: Check) -> Part:
        try:
            return await run_in_threadpool(check)
        except NeurovaError as error:
            message = ": ".join(part for part in (error.where, error.what) if part)
            return Part(self._name, "unreachable", message, error.fix)
        finally:
            self._finished = time.monotonic()


class Probes:
    """Run the checks of several parts at the same time."""

    def __init__(self) -> None:
        self._probes: dict[str, Probe] = {}

    async def get(self, checks: Mapping[str, Check]) -> list[Part]:
        """Return the state of each part, in the order of `checks`."""
        probes = [self._probes.setdefault(name, Probe(name)) for name in checks]
        return list(
            await asyncio.gather(
                *(probe.get(check) for probe, check in zip(probes, checks.values(), strict=True))
            )
        )
