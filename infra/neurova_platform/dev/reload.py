"""Saved files, live: a service at a time, never a file at a time."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from time import perf_counter

from watchfiles import Change, DefaultFilter, PythonFilter, awatch

from neurova.errors import LoadError
from neurova.functions.service import Service, is_service

from ..composition.platform import Platform

LOGGER = logging.getLogger("neurova.reload")
DEBOUNCE_MS = 60  # editors write a file in several steps
_files = PythonFilter()
_folders = DefaultFilter()  # no caches, no hidden ones
PATIENCE = 30.0  # seconds that an import may take before the next saved file is looked at


async def watch(platform: Platform, told: Callable[[str, Exception | None, float], None]) -> None:
    """Reload the services whose files change, until cancelled; a faulty one serves on as it was.

    `told` gets the service, what is wrong with it or None, and the seconds the reload took.
    """
    root = platform.settings.functions
    faulty: set[str] = set()
    async for changes in awatch(
        root, watch_filter=saved, debounce=DEBOUNCE_MS, step=10, rust_timeout=500
    ):
        for service in services_of(root, changes):
            known = service in platform.services or service in faulty
            if not known and not any((root / service).glob("*.py")):
                continue  # a folder without a file yet
            began = perf_counter()
            fault: Exception | None = None
            try:
                await reload(platform, service)
                faulty.discard(service)
            except Exception as error:
                fault = error
                faulty.add(service)
            try:
                told(service, fault, perf_counter() - began)
            except Exception:
                LOGGER.exception("the reload of %s could not be told", service)


def saved(change: Change, path: str) -> bool:
    """Tell whether a change may change what is served: a Python file's, or a folder's.

    What is written into a folder before its watch is set is told of by the folder alone, and so is
    a folder that was moved away.
    """
    if _files(change, path):
        return True
    if change is Change.modified or not _folders(change, path):
        return False
    return os.path.isdir(path) or _folder_gone(change, path)


def services_of(root: Path, changes: Iterable[tuple[Change, str]]) -> list[str]:
    """Return the services that changed files belong to, those that are gone first.

    A folder that was renamed would else clash with what it was.
    """
    found = set()
    for change, path in changes:
        # By name, not by what a link leads to: a linked service is one of these too.
        parts = Path(os.path.relpath(path, root)).parts
        if parts[0] == os.pardir or parts[0].startswith(("_", ".")):
            continue
        if len(parts) > 1 or _folder_gone(change, path) or os.path.isdir(path):
            found.add(parts[0])
    return sorted(found, key=lambda name: ((root / name).is_dir(), name))


def _folder_gone(change: Change, path: str) -> bool:
    return change is Change.deleted and "." not in os.path.basename(path)


async def reload(platform: Platform, name: str, patience: float = PATIENCE) -> None:
    """Import a fresh generation of a service and swap it in; calls in flight keep the old one.

    Raises LoadError, also for an import that has not ended after `patience` seconds, or
    StateError; then everything serves on as before.
    """
    before = platform.services.get(name)
    if is_service(platform.settings.functions, name):
        fresh = await _started(platform, name, patience)
        try:
            platform.serve({**platform.services, name: fresh})
        except BaseException:
            await fresh.stop()
            raise
    else:
        platform.serve({key: kept for key, kept in platform.services.items() if key != name})
    if before is not None:
        platform.retire(before)


async def _started(platform: Platform, name: str, patience: float) -> Service:
    """Load a service and start what it mounts."""
    try:
        fresh = await asyncio.wait_for(_loaded(platform, name), patience)
    except TimeoutError:
        raise LoadError(
            f"functions/{name}: its import has not ended after {patience:g} s: "
            "take out what a file does when it is imported"
        ) from None
    await fresh.start()
    return fresh


def _loaded(platform: Platform, name: str) -> asyncio.Future[Service]:
    """Load a service on a thread of its own: one that never ends keeps no process from ending."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Service] = loop.create_future()

    def settle(service: Service | None, error: Exception | None) -> None:
        if future.done():
            return
        if service is None:
            future.set_exception(error or LoadError(f"functions/{name}: nothing was loaded"))
        else:
            future.set_result(service)

    def load() -> None:
        service, error = None, None
        try:
            service = platform.load_service(name)
        except Exception as raised:
            error = raised
        except BaseException as raised:  # it must not end more than this thread
            error = LoadError(f"functions/{name}: its import ended in {type(raised).__name__}")
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle, service, error)

    threading.Thread(target=load, name=f"load-{name}", daemon=True).start()
    return future
