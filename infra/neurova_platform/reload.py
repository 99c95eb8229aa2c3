"""Saved files, live: a service at a time, never a file at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path
from time import perf_counter

from watchfiles import Change, PythonFilter, awatch

from neurova.loader import discover

from .platform import Platform

DEBOUNCE_MS = 60  # editors write a file in several steps


async def watch(platform: Platform, told: Callable[[str, Exception | None, float], None]) -> None:
    """Reload the services whose files change, until cancelled; a faulty one serves on as it was.

    `told` gets the service, what is wrong with it or None, and the seconds the reload took.
    """
    root = platform.settings.functions
    async for changes in awatch(
        root, watch_filter=PythonFilter(), debounce=DEBOUNCE_MS, step=10, rust_timeout=500
    ):
        for service in services_of(root, changes):
            began = perf_counter()
            try:
                await reload(platform, service)
            except Exception as error:
                told(service, error, perf_counter() - began)
            else:
                told(service, None, perf_counter() - began)


def services_of(root: Path, changes: Iterable[tuple[Change, str]]) -> list[str]:
    """Return the services that changed files belong to."""
    found = set()
    for _, path in changes:
        parts = Path(path).resolve().relative_to(root.resolve()).parts
        if len(parts) > 1:
            found.add(parts[0])
    return sorted(found)


async def reload(platform: Platform, name: str) -> None:
    """Import a fresh generation of a service and swap it in; calls in flight keep the old one.

    Raises LoadError or StateError; then everything serves on as before.
    """
    if name in discover(platform.settings.functions):
        fresh = await asyncio.to_thread(platform.load_service, name)
        platform.serve({**platform.services, name: fresh})
    else:
        platform.serve({key: kept for key, kept in platform.services.items() if key != name})
