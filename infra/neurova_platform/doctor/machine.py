"""Check the machine: Python, packages, the state folder, the disk, workers and ports."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from neurova.errors import NeurovaError
from neurova.files.locks import process_lock_owner
from neurova.files.private import read_private_file
from neurova.settings.gateway import is_loopback
from neurova.settings.settings import Settings

from .. import DISTRIBUTION, MINIMUM_PYTHON
from ..composition import state
from .finding import Finding, Verdict, failed

LOW_DISK = 256 << 20  # bytes: less may not suffice for a log, a WAL and the limits table
FULL_DISK = 16 << 20  # bytes: with less free space, writes are about to fail


def check_python() -> Finding:
    """Check the version of Python."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info < MINIMUM_PYTHON:
        return Finding("python", "fail", version, "install Python 3.11 or newer")
    return Finding("python", "ok", version)


def check_packages() -> Finding:
    """Check that the packages that neurova requires are installed."""
    missing = []
    for requirement in metadata.requires(DISTRIBUTION) or ():
        package, _, marker = requirement.partition(";")
        if "extra" in marker or ("win32" in marker and sys.platform == "win32"):
            continue
        name = package.split(">")[0].split("=")[0].split("<")[0].strip()
        try:
            metadata.version(name)
        except metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        fix = f"pip install {' '.join(missing)}"
        return Finding("packages", "fail", f"missing: {', '.join(missing)}", fix)
    return Finding("packages", "ok", f"neurova {metadata.version(DISTRIBUTION)}")


def check_state(settings: Settings) -> Iterator[Finding]:
    """Check that only the owner may use the state folder and the secrets in it."""
    folder = settings.state
    if not folder.exists():
        yield Finding("state", "ok", f"{folder}: missing, the first start creates it")
        return
    secrets = [path for glob in ("*.key", "*.token", "keys.db*") for path in folder.glob(glob)]
    exposed = [path for path in (folder, *sorted(secrets)) if path.stat().st_mode & 0o077]
    for path in exposed:
        mode = 700 if path == folder else 600
        yield Finding("state", "fail", f"{path}: other users may open it", f"chmod {mode} {path}")
    if not exposed:
        yield Finding("state", "ok", f"{folder}: only its owner may open it")


def check_disk(settings: Settings) -> Iterator[Finding]:
    """Check that the disk has free space."""
    folder = settings.state if settings.state.exists() else settings.root
    free = shutil.disk_usage(folder).free
    verdict: Verdict = "ok" if free >= LOW_DISK else "warn" if free >= FULL_DISK else "fail"
    fix = "" if verdict == "ok" else "free disk space"
    yield Finding("disk", verdict, f"{free >> 20} MiB free for {folder}", fix)


def check_workers(settings: Settings) -> Iterator[Finding]:
    """Check that the machine has enough cores and memory for the workers of `neurova run`."""
    from .. import memory

    runtime, cores, available = settings.runtime, os.cpu_count() or 1, memory.machine_total()
    what = f"{runtime.workers} on {cores} cores"
    if pid := _run_pid(settings):
        what += f", `neurova run` is pid {pid}"
    if runtime.workers > 2 * cores:
        yield Finding("workers", "warn", what, f"set [runtime] workers to {cores}")
    elif available and runtime.workers * runtime.memory > available:
        what += f", up to {runtime.memory >> 20} MiB each, with {available >> 20} MiB in all"
        yield Finding("workers", "warn", what, "set [runtime] memory lower, or fewer workers")
    else:
        yield Finding("workers", "ok", what)


def check_port(settings: Settings) -> Iterator[Finding]:
    """Check that the gateway's port is free, or used by this project."""
    from ..serving.listener import bind

    host, port = settings.gateway.host, settings.gateway.port
    address = f"{host} port {port}"
    try:
        bind(host, port).close()
    except NeurovaError as error:
        if _listens(settings.state / state.ADDRESS, port):
            yield Finding("port", "ok", f"{address}: this project's `neurova dev` listens")
        elif pid := _run_pid(settings):
            yield Finding("port", "ok", f"{address}: this project's `neurova run` ({pid}) listens")
        else:
            yield failed("port", error)
        return
    yield Finding("port", "ok", f"{address}: free")


def check_admin(settings: Settings) -> Iterator[Finding]:
    """Check the Admin API's token, and that its port is free or used by this project."""
    from ..admin.access import (
        ADDRESS_FILE,
        EXPOSED,
        EXPOSED_FIX,
        TOKEN_FILE,
        listen,
        load_token,
    )

    admin = settings.admin
    if not admin.enabled:
        yield Finding("admin", "ok", "disabled by admin.enabled")
        return
    if admin.token or (settings.state / TOKEN_FILE).exists():
        load_token(settings.state, admin.token)
    address = f"{admin.host} port {admin.port}"
    if not is_loopback(admin.host):
        yield Finding("admin", "warn", f"{address}: {EXPOSED}", EXPOSED_FIX)
    try:
        listen(settings).close()
    except NeurovaError as error:
        if _listens(settings.state / ADDRESS_FILE, admin.port):
            yield Finding("admin", "ok", f"{address}: this project's Admin API listens")
        else:
            yield failed("admin", error)
        return
    yield Finding("admin", "ok", f"{address}: free")


def _run_pid(settings: Settings) -> int:
    return process_lock_owner(settings.state / state.RUN_LOCK)


def _listens(address_file: Path, port: int) -> bool:
    address = read_private_file(address_file)
    return address is not None and address.endswith(f":{port}")
