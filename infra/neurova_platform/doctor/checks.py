"""Whether all that the platform needs is there: one check a thing, each with its fix."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Literal

import msgspec

from neurova.errors import NeurovaError
from neurova.files.locks import process_lock_owner
from neurova.files.private import read_private_file
from neurova.settings.gateway import is_loopback
from neurova.settings.settings import Settings

from .. import assets
from ..cli import OLDEST
from ..composition.state import ADDRESS, RUN_LOCK
from ..settings.loading import load

Verdict = Literal["ok", "warn", "fail"]
SCARCE = 256 << 20  # bytes free below which a warning is due: a log, a WAL and a table fit
EMPTY = 16 << 20


class Finding(msgspec.Struct, frozen=True):
    """State what was looked at, how it is, and the fix ("" when none is needed)."""

    check: str
    verdict: Verdict
    says: str
    fix: str = ""


Check = Callable[[Settings], Iterator[Finding]]


def examine(start: Path | None = None) -> Iterator[Finding]:
    """Yield what every check finds for the project that `start` (the working folder) lies in."""
    yield python()
    yield packages()
    try:
        settings = load(start)
    except NeurovaError as error:
        yield Finding("settings", "fail", str(error))
        return
    said = f"{settings.root / 'neurova.toml'}: {len(settings.origins)} keys set"
    yield Finding("settings", "ok", said)
    for name, check in CHECKS.items():
        try:
            yield from check(settings)
        except NeurovaError as error:
            yield Finding(name, "fail", str(error))


def python() -> Finding:
    """Check the version of Python."""
    said = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info < OLDEST:
        return Finding("python", "fail", said, "install Python 3.11 or newer")
    return Finding("python", "ok", said)


def packages() -> Finding:
    """Check that what neurova asks for is installed."""
    missing = []
    for requirement in metadata.requires("neurova") or ():
        wanted, _, marker = requirement.partition(";")
        if "extra" in marker or ("win32" in marker and sys.platform == "win32"):
            continue
        name = wanted.split(">")[0].split("=")[0].split("<")[0].strip()
        try:
            metadata.version(name)
        except metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        return Finding("packages", "fail", f"missing: {', '.join(missing)}", "pip install neurova")
    return Finding("packages", "ok", f"neurova {metadata.version('neurova')}")


def state_folder(settings: Settings) -> Iterator[Finding]:
    """Check that the state folder, and in it what opens doors, are their owner's alone."""
    folder = settings.state
    if not folder.exists():
        yield Finding("state", "ok", f"{folder}: not made yet, the first start makes it")
        return
    wrong = []
    if stat.S_IMODE(folder.stat().st_mode) & 0o077:
        wrong.append(
            Finding("state", "fail", f"{folder}: others may enter it", f"chmod 700 {folder}")
        )
    for file in sorted([*folder.glob("*.key"), *folder.glob("*.token"), *folder.glob("keys.db*")]):
        if stat.S_IMODE(file.stat().st_mode) & 0o077:
            wrong.append(
                Finding("state", "fail", f"{file}: others may read it", f"chmod 600 {file}")
            )
    yield from wrong or [Finding("state", "ok", f"{folder}: its owner's alone")]


def disk(settings: Settings) -> Iterator[Finding]:
    """Check that there is room to write."""
    folder = settings.state if settings.state.exists() else settings.root
    free = shutil.disk_usage(folder).free
    said = f"{free >> 20} MiB free for {folder}"
    verdict: Verdict = "ok" if free >= SCARCE else "warn" if free >= EMPTY else "fail"
    yield Finding("disk", verdict, said, "" if verdict == "ok" else "make room")


def keys(settings: Settings) -> Iterator[Finding]:
    """Check that the key store can be read."""
    from neurova_gateway.keys.factory import check_key_store, key_store_url

    url = key_store_url(settings.state, settings.gateway.keys)
    yield Finding("keys", "ok", check_key_store(url))


def limits(settings: Settings) -> Iterator[Finding]:
    """Check that the table of rate limits can be used."""
    from neurova_gateway.limits.factory import check_limiter, limiter_url

    yield Finding("limits", "ok", check_limiter(limiter_url(settings.state)))


def functions(settings: Settings) -> Iterator[Finding]:
    """Check that every function can be served."""
    from ..composition import inventory

    found = inventory.functions(settings)
    yield Finding("functions", "ok", f"{len(found)} in {settings.functions}")


def openapi(settings: Settings) -> Iterator[Finding]:
    """Check that the document can be made, and say who may read it."""
    from ..composition import inventory
    from ..openapi.service import document_access, encode_document

    size = len(encode_document(inventory.functions(settings), settings))
    who = ", ".join(
        f"{document_access(settings, kind)} in {name}" for kind, name in _COMMANDS.items()
    )
    yield Finding("openapi", "ok", f"{size >> 10} KiB, {who}")


_COMMANDS = {"test": "dev", "live": "run"}


def plugins(settings: Settings) -> Iterator[Finding]:
    """Check that the plugins load and that those every route needs are among them."""
    from neurova_gateway.plugins.loader import load as load_plugins
    from neurova_gateway.plugins.loader import named

    folder = assets.plugins_folder(settings.gateway.plugins)
    loaded = load_plugins(folder)
    for name in ("neurova-auth", "neurova-rate-limit", *settings.gateway.extra):
        named(loaded, name)
    yield Finding("plugins", "ok", f"{', '.join(loaded)} in {folder}")


def databases(settings: Settings) -> Iterator[Finding]:
    """Check that each service's database can be reached, can be read and is up to date."""
    from neurova.functions.service import discover

    for service in discover(settings.functions):
        found = database(settings, service)
        if found is not None:
            yield found


def database(settings: Settings, service: str) -> Finding | None:
    """Check the database of one service; None: it has none."""
    from neurova.database.migrations import service as migrations

    from ..composition.state import revisions, stored

    if not stored(settings, service):
        return None
    name, where = f"database {service}", settings.database(service)
    try:
        pending = migrations.status(where, revisions(settings, service)).pending
        said = f"{where}: {migrations.product(where)}, "
    except NeurovaError as error:
        return Finding(name, "fail", str(error))
    if not pending:
        return Finding(name, "ok", said + "up to date")
    fix = f"neurova db upgrade {service}; neurova dev does so by itself"
    return Finding(name, "warn", f"{said}behind by {', '.join(pending)}", fix)


def workers(settings: Settings) -> Iterator[Finding]:
    """Check that the machine has the cores and the memory for the workers of `neurova run`."""
    from ..serving import memory as resident

    runtime, cores, memory = settings.runtime, os.cpu_count() or 1, resident.machine()
    pid = process_lock_owner(settings.state / RUN_LOCK)
    said = f"{runtime.workers} on {cores} cores" + (f", `neurova run` is pid {pid}" if pid else "")
    if runtime.workers > 2 * cores:
        yield Finding("workers", "warn", said, f"set [runtime] workers to {cores}")
    elif memory and runtime.workers * runtime.memory > memory:
        said += f", up to {runtime.memory >> 20} MiB each, with {memory >> 20} MiB in all"
        yield Finding("workers", "warn", said, "set [runtime] memory lower, or fewer workers")
    else:
        yield Finding("workers", "ok", said)


def port(settings: Settings) -> Iterator[Finding]:
    """Check that the gateway's port is free, or taken by this very project."""
    from ..serving.listener import bind

    running = read_private_file(settings.state / ADDRESS)
    where = f"{settings.gateway.host} port {settings.gateway.port}"
    try:
        bind(settings.gateway.host, settings.gateway.port).close()
    except NeurovaError as error:
        if running and running.endswith(f":{settings.gateway.port}"):
            yield Finding("port", "ok", f"{where}: this project's `neurova dev` listens there")
        elif pid := process_lock_owner(settings.state / RUN_LOCK):
            yield Finding("port", "ok", f"{where}: in use, by this project's `neurova run` ({pid})")
        else:
            yield Finding("port", "fail", str(error))
        return
    yield Finding("port", "ok", f"{where}: free")


def admin(settings: Settings) -> Iterator[Finding]:
    """Check the Admin API's token, and that its port is free or taken by this very project."""
    from ..admin.access import (
        ADDRESS_FILE,
        EXPOSED,
        EXPOSED_FIX,
        TOKEN_FILE,
        listen,
        load_token,
    )

    if not settings.admin.enabled:
        yield Finding("admin", "ok", "admin.enabled is false: it is not served")
        return
    if (settings.state / TOKEN_FILE).exists():
        load_token(settings.state)
    where = f"{settings.admin.host} port {settings.admin.port}"
    if not is_loopback(settings.admin.host):
        yield Finding("admin", "warn", f"{where}: {EXPOSED}", EXPOSED_FIX)
    running = read_private_file(settings.state / ADDRESS_FILE)
    try:
        listen(settings).close()
    except NeurovaError as error:
        if running and running.endswith(f":{settings.admin.port}"):
            yield Finding("admin", "ok", f"{where}: this project's Admin API listens there")
        else:
            yield Finding("admin", "fail", str(error))
        return
    yield Finding("admin", "ok", f"{where}: free")


CHECKS: dict[str, Check] = {
    "state": state_folder,
    "disk": disk,
    "keys": keys,
    "limits": limits,
    "plugins": plugins,
    "functions": functions,
    "openapi": openapi,
    "databases": databases,
    "workers": workers,
    "port": port,
    "admin": admin,
}
"""What is checked of a project, in this order."""
