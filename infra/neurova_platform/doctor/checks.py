"""The checks of `neurova doctor`: each tests one thing and names the fix."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from neurova.errors import NeurovaError
from neurova.settings.settings import Settings

from ..settings.loading import load
from . import machine, project, stores
from .finding import Finding, failed

Check = Callable[[Settings], Iterator[Finding]]

CHECKS: dict[str, Check] = {
    "state": machine.check_state,
    "disk": machine.check_disk,
    "keys": stores.check_keys,
    "limits": stores.check_limits,
    "mail": stores.check_mail,
    "logs": stores.check_logs,
    "plugins": project.check_plugins,
    "kong": project.check_kong,
    "functions": project.check_functions,
    "secrets": stores.check_secrets,
    "openapi": project.check_openapi,
    "site": project.check_site,
    "databases": project.check_databases,
    "bus": stores.check_bus,
    "schemas": stores.check_schemas,
    "models": stores.check_models,
    "warehouse": stores.check_warehouse,
    "traces": stores.check_traces,
    "deploy": stores.check_deploy,
    "workers": machine.check_workers,
    "port": machine.check_port,
    "admin": machine.check_admin,
}


def examine(start: Path | None = None) -> Iterator[Finding]:
    """Yield the findings for the project that contains `start` (default: current folder)."""
    yield machine.check_python()
    yield machine.check_packages()
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
