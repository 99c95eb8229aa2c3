"""Reload a whole service when one of its files is saved."""

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

from neurova.errors import LoadError, NeurovaError
from neurova.loading.service import Service, is_service

from ..composition.platform import Platform

LOGGER = logging.getLogger("neurova.reload")
DEBOUNCE_MS = 60  # milliseconds; editors write a file in several steps
IMPORT_TIMEOUT = 30.0  # seconds; a longer import fails, so that it delays no later reload

is_python_file = PythonFilter()
is_visible = DefaultFilter()  # excludes caches and hidden files

ReportReload = Callable[[str, Exception | None, float], None]


async def watch(platform: Platform, report: ReportReload) -> None:
    """Reload services whose files change, until cancelled; if that fails, keep the old version.

    `report` receives the service, the error or None, and the seconds that the reload took.
    """
    root = platform.settings.functions
    failed: set[str] = set()
    async for changes in awatch(
        root, watch_filter=is_relevant, debounce=DEBOUNCE_MS, step=10, rust_timeout=500
    ):
        for service in changed_services(root, changes):
            is_known = service in platform.services or service in failed
            if not is_known and not any((root / service).glob("*.py")):
                continue  # the folder has no function file yet
            started = perf_counter()
            error: Exception | None = None
            try:
                await reload(platform, service)
                failed.discard(service)
            except Exception as raised:
                error = raised
                failed.add(service)
            try:
                report(service, error, perf_counter() - started)
            except Exception:
                LOGGER.exception("Cannot report the reload of %s", service)


async def watch_site(platform: Platform, report: ReportReload) -> None:
    """Build the public page again when one of its files changes, until cancelled."""
    folder = Path(platform.settings.site.folder)
    async for _ in awatch(folder, debounce=DEBOUNCE_MS, step=10, rust_timeout=500):
        started = perf_counter()
        error: Exception | None = None
        try:
            await asyncio.to_thread(platform.load_site)
        except (NeurovaError, OSError, UnicodeDecodeError) as raised:
            error = raised
        report(folder.name, error, perf_counter() - started)


def is_relevant(change: Change, path: str) -> bool:
    """Return whether a change may affect a service: whether it changes a Python file or a folder.

    The watcher reports only the folder, not its files, if the files are written before it watches a
    new folder, or if the folder is moved away.
    """
    if is_python_file(change, path):
        return True
    if change is Change.modified or not is_visible(change, path):
        return False
    return os.path.isdir(path) or _is_deleted_folder(change, path)


def changed_services(root: Path, changes: Iterable[tuple[Change, str]]) -> list[str]:
    """Return the services of changed files, deleted services first.

    This order prevents route conflicts between the old and the new name of a renamed folder.
    """
    found = set()
    for change, path in changes:
        # Do not resolve symbolic links: a linked folder is also a service.
        parts = Path(os.path.relpath(path, root)).parts
        if parts[0] == os.pardir or parts[0].startswith(("_", ".")):
            continue
        if len(parts) > 1 or _is_deleted_folder(change, path) or os.path.isdir(path):
            found.add(parts[0])
    return sorted(found, key=lambda name: ((root / name).is_dir(), name))


def _is_deleted_folder(change: Change, path: str) -> bool:
    return change is Change.deleted and "." not in os.path.basename(path)


async def reload(platform: Platform, name: str, time_limit: float = IMPORT_TIMEOUT) -> None:
    """Import a service again and serve the new version; calls in flight keep the old version.

    Raises StateError or LoadError, and keeps serving the old version, if the reload fails or takes
    longer than `time_limit` seconds.
    """
    before = platform.services.get(name)
    if is_service(platform.settings.functions, name):
        fresh = await _start_service(platform, name, time_limit)
        try:
            platform.serve({**platform.services, name: fresh})
        except BaseException:
            await fresh.stop()
            raise
    else:
        platform.serve({key: kept for key, kept in platform.services.items() if key != name})
    if before is not None:
        platform.retire(before)
    await platform.serve_events()


async def _start_service(platform: Platform, name: str, time_limit: float) -> Service:
    """Load a service and start its mounted apps."""
    try:
        fresh = await asyncio.wait_for(_load_in_thread(platform, name), time_limit)
    except TimeoutError:
        raise LoadError(
            f"the import of the service has not finished after {time_limit:g} s",
            where=f"functions/{name}",
            fix="remove long-running code at the top level of its files",
        ) from None
    await fresh.start()
    return fresh


def _load_in_thread(platform: Platform, name: str) -> asyncio.Future[Service]:
    """Load a service on a daemon thread, so that an endless import does not prevent exiting."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Service] = loop.create_future()

    def settle(service: Service | None, error: Exception | None) -> None:
        if future.done():
            return
        if service is None:
            future.set_exception(
                error or LoadError("nothing was loaded", where=f"functions/{name}")
            )
        else:
            future.set_result(service)

    def load() -> None:
        service, error = None, None
        try:
            service = platform.load_service(name)
        except Exception as raised:
            error = raised
        except BaseException as raised:  # includes SystemExit, which must not end the process
            error = LoadError(
                f"the import of the service raised {type(raised).__name__}",
                where=f"functions/{name}",
            )
        with suppress(RuntimeError):  # the event loop is closed
            loop.call_soon_threadsafe(settle, service, error)

    threading.Thread(target=load, name=f"load-{name}", daemon=True).start()
    return future
