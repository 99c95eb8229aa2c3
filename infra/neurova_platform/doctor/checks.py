"""The checks of `neurova doctor`: each tests one thing and names the fix."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from neurova.database.migrations import PendingMigrations
from neurova.errors import NeurovaError
from neurova.files.locks import process_lock_owner
from neurova.files.private import read_private_file
from neurova.loading.service import discover
from neurova.settings.gateway import is_loopback
from neurova.settings.settings import Settings

from .. import DISTRIBUTION, MINIMUM_PYTHON, assets
from ..composition import backends, state
from ..composition.locations import DatabaseLocations
from ..settings.loading import load

Verdict = Literal["ok", "warn", "fail"]
LOW_DISK = 256 << 20  # bytes: enough for a log, a WAL and the limits table
FULL_DISK = 16 << 20  # bytes


class Finding(msgspec.Struct, frozen=True):
    """The result of one check: its verdict, a text, and the fix ("" if none is needed)."""

    check: str
    verdict: Verdict
    what: str
    fix: str = ""


Check = Callable[[Settings], Iterator[Finding]]


def examine(start: Path | None = None) -> Iterator[Finding]:
    """Yield the findings for the project that contains `start` (default: current folder)."""
    yield check_python()
    yield check_packages()
    try:
        settings = load(start)
    except NeurovaError as error:
        yield failed("settings", error)
        return
    file = settings.root / "neurova.toml"
    yield Finding("settings", "ok", f"{file}: {len(settings.origins)} keys set")
    for name, check in CHECKS.items():
        try:
            yield from check(settings)
        except NeurovaError as error:
            yield failed(name, error)


def failed(check: str, error: NeurovaError) -> Finding:
    """Return the finding of a check that raised."""
    what = f"{error.where}: {error.what}" if error.where else error.what
    return Finding(check, "fail", what, error.fix)


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


def check_keys(settings: Settings) -> Iterator[Finding]:
    """Check that the key store can be read."""
    yield Finding("keys", "ok", backends.check_key_store(settings))


def check_limits(settings: Settings) -> Iterator[Finding]:
    """Check that the rate limiter can be used."""
    yield Finding("limits", "ok", backends.check_limiter(settings))


def check_mail(settings: Settings) -> Iterator[Finding]:
    """Check that mails can be sent."""
    yield Finding("mail", "ok", backends.check_mailer(settings))


def check_logs(settings: Settings) -> Iterator[Finding]:
    """Check that log lines can be sent where they should go."""
    yield Finding("logs", "ok", backends.check_log_store(settings))


def check_plugins(settings: Settings) -> Iterator[Finding]:
    """Check that the plugins load and that every plugin that a route names exists."""
    from neurova_gateway.plugins.loader import find_plugin
    from neurova_gateway.plugins.loader import load as load_plugins

    folder = assets.plugins_folder(settings.gateway.plugins)
    loaded = load_plugins(folder)
    for name in ("neurova-auth", "neurova-rate-limit", *settings.gateway.extra):
        find_plugin(loaded, name)
    yield Finding("plugins", "ok", f"{', '.join(loaded)} in {folder}")


def check_kong(settings: Settings) -> Iterator[Finding]:
    """Check that each node of Kong responds and has loaded the plugins."""
    if not settings.gateway.kong.admin:
        yield Finding("kong", "ok", "not used: gateway.kong.admin is empty")
        return
    from neurova_gateway.kong_sync.admin import KongAdmin, check_node

    for url in settings.gateway.kong.admin:
        node = check_node(KongAdmin(url), ("neurova-auth", "neurova-rate-limit"))
        mode = "with a database" if node.has_database else "without a database"
        yield Finding("kong", "ok", f"{url}: Kong {node.version} {mode}, plugins loaded")


def check_functions(settings: Settings) -> Iterator[Finding]:
    """Check that every function can be loaded."""
    from ..composition import inventory

    count = len(inventory.load_functions(settings))
    yield Finding("functions", "ok", f"{count} in {settings.functions}")


def check_secrets(settings: Settings) -> Iterator[Finding]:
    """Check the store of secrets, and that each secret of a function or setting is set."""
    from neurova.secrets.base import parse_reference, read_value

    from ..composition import inventory

    url = urlsplit(settings.secrets.url)
    what = backends.check_secret_store(settings)
    if url.scheme == "http" and not is_loopback(url.hostname or ""):
        fix = "serve Vault with TLS, and write https:// in secrets.url"
        yield Finding("secrets", "warn", f"{what}; tokens and secrets are sent unencrypted", fix)
    else:
        yield Finding("secrets", "ok", what)
    users = inventory.load_secret_users(settings)
    store = backends.open_secret_store(settings) if users else None
    for name, using in users.items():
        assert store is not None
        try:
            read_value(store, parse_reference(name))
            yield Finding(f"secret {name}", "ok", f"is set, for {', '.join(using)}")
        except NeurovaError as error:
            yield failed(f"secret {name}", error)
    if store is not None:
        store.close()


def check_openapi(settings: Settings) -> Iterator[Finding]:
    """Check that the OpenAPI document can be created, and report who may read it."""
    from ..composition import inventory
    from ..openapi.service import document_access, encode_document

    size = len(encode_document(inventory.load_documented(settings), settings))
    dev, run = document_access(settings, "test"), document_access(settings, "live")
    yield Finding("openapi", "ok", f"{size >> 10} KiB, {dev} in dev, {run} in run")


def check_databases(settings: Settings) -> Iterator[Finding]:
    """Check the database of each service that has one."""
    with DatabaseLocations(settings) as locations:
        for service in discover(settings.functions):
            finding = check_database(locations, service)
            if finding is not None:
                yield finding


def check_database(locations: DatabaseLocations, service: str) -> Finding | None:
    """Check that a service's database responds and is migrated; None if it has no database."""
    name, settings = f"database {service}", locations.settings
    try:
        has_state = state.has_state(settings, service)
        found = backends.check_database(locations, service) if has_state else ""
        state.require_tables(locations, service, state.load_domain(settings, service))
        return Finding(name, "ok", found) if has_state else None
    except PendingMigrations as error:
        return Finding(name, "warn", f"{error.where}: {error.what}", error.fix)
    except NeurovaError as error:
        return failed(name, error)


def check_schemas(settings: Settings) -> Iterator[Finding]:
    """Check that the registry of schemas can be used."""
    yield Finding("schemas", "ok", backends.check_registry(settings))


def check_models(settings: Settings) -> Iterator[Finding]:
    """Check that the registry of models can be read."""
    yield Finding("models", "ok", backends.check_models(settings))


def check_bus(settings: Settings) -> Iterator[Finding]:
    """Check the bus; on RabbitMQ, count the file handles of its queues; on SQS, find its queues."""
    from ..composition import inventory

    what = backends.check_bus(settings)
    if settings.bus.url.startswith("sqs:"):
        from ..composition.buses import find_missing_queues

        queues = inventory.load_queues(settings)
        missing = find_missing_queues(settings.bus.url, queues)
        if missing:
            what += f"; {len(missing)} of {len(queues)} queues are missing: {', '.join(missing)}"
            yield Finding("bus", "warn", what, "run `neurova bus apply`, or deploy")
            return
    elif settings.bus.url:
        from neurova.bus.rabbitmq.topology import shared_topology, topology_of

        topology = shared_topology() + topology_of(inventory.load_queues(settings))
        what += (
            f"; {len(topology.queues)} queues need {topology.handles} of its file handles "
            "(`rabbitmqctl status` shows how many it has)"
        )
    yield Finding("bus", "ok", what)


def check_warehouse(settings: Settings) -> Iterator[Finding]:
    """Check that the warehouse can be used, if it is on."""
    if not settings.warehouse.enabled:
        yield Finding("warehouse", "ok", "off: `enabled = true` below [warehouse] starts it")
        return
    yield Finding("warehouse", "ok", backends.check_warehouse(settings))


def check_traces(settings: Settings) -> Iterator[Finding]:
    """Check that spans can be stored or sent."""
    enabled = settings.traces.enabled
    what = backends.check_traces(settings) if enabled else "disabled by traces.enabled"
    yield Finding("traces", "ok", what)


def check_deploy(settings: Settings) -> Iterator[Finding]:
    """Check that the target of each environment of `neurova deploy` responds."""
    if not settings.deploy:
        yield Finding("deploy", "ok", "not used: there is no [deploy.NAME]")
        return
    from neurova_deploy.targets.table import provider_of

    from ..deployment.project import load_project_head

    for name in settings.deploy:
        project = load_project_head(settings.root, name)
        try:
            what = provider_of(project.deploy).open(project).check()
            yield Finding(f"deploy {name}", "ok", what)
        except NeurovaError as error:
            found = failed(f"deploy {name}", error)
            yield Finding(found.check, "warn", found.what, found.fix)


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


CHECKS: dict[str, Check] = {
    "state": check_state,
    "disk": check_disk,
    "keys": check_keys,
    "limits": check_limits,
    "mail": check_mail,
    "logs": check_logs,
    "plugins": check_plugins,
    "kong": check_kong,
    "functions": check_functions,
    "secrets": check_secrets,
    "openapi": check_openapi,
    "databases": check_databases,
    "bus": check_bus,
    "schemas": check_schemas,
    "models": check_models,
    "warehouse": check_warehouse,
    "traces": check_traces,
    "deploy": check_deploy,
    "workers": check_workers,
    "port": check_port,
    "admin": check_admin,
}
"""The checks of a project in order, by the name used to report a failure."""
