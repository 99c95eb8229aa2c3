"""The roles of `neurova run`: the kinds of child processes that the supervisor keeps alive."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from neurova.errors import ConfigError
from neurova.settings.settings import Settings

from ..admin import access as admin_access
from ..serving import registry_api
from ..serving.listener import bind_all
from ..settings.loading import load

_EVENT_MARKS = (b"publish(", b"@on(", b"@every(", b"@cron(", b"respond_async=")
_EVENTS = "neurova_platform.supervise.events"


@dataclass(frozen=True)
class Role:
    """Describe one kind of child process.

    `target` is "module:function". The child calls this function with its `ChildArguments`, its
    listening socket or None, and its `WorkerChannel`. The function calls `channel.attach` and
    `channel.report_ready` (or `channel.wait_for_stop`, which does both) and returns when the
    supervisor tells it to stop.
    `listen` returns a listening socket for each process; the supervisor closes them when it stops.
    None: the role has no sockets.
    `processes` is the number of processes; None: a single process, with no number in its name.
    """

    name: str
    target: str
    listen: Callable[[Settings], list[socket.socket]] | None = None
    processes: int | None = None
    serves_functions: bool = False


Part = Literal["all", "runtime", "subscriptions", "relay", "warehouse"]
"""The part of a project that `neurova run` runs on this machine."""


def roles(settings: Settings, part: Part = "all") -> list[Role]:
    """Return the roles that `neurova run` runs for `part` of a project with these settings."""
    found = []
    if part in ("all", "runtime"):
        found.append(
            Role(
                "worker",
                "neurova_platform.supervise.worker:serve",
                listen=_bind_gateway,
                processes=settings.runtime.workers,
                serves_functions=True,
            )
        )
        if settings.admin.enabled:
            target = "neurova_platform.supervise.admin:serve"
            found.append(Role("admin", target, listen=_bind_admin))
    processes = settings.bus.processes
    if part == "all" and uses_events(settings.functions):
        listen = _bind_registry if registry_api.is_served(settings) else None
        found.append(Role("events", f"{_EVENTS}:serve", listen, processes))
    elif part == "subscriptions":
        found.append(Role(part, f"{_EVENTS}:serve_subscriptions", processes=processes))
    elif part == "relay":
        # Serve the registry here, because the relay registers the schemas. Other machines read them
        # from this registry, or from schemas.url.
        listen = _bind_relay_registry if registry_api.is_served(settings) else None
        found.append(Role(part, f"{_EVENTS}:serve_relay", listen))
    if part in ("all", "warehouse") and settings.warehouse.enabled:
        found.append(Role("warehouse", f"{_EVENTS}:serve_warehouse"))
    return found


def uses_events(functions: Path) -> bool:
    """Return whether a function file seems to use events, schedules or asynchronous calls.

    This only searches the text, because the supervisor imports no code of the project.
    """
    return any(
        mark in text
        for text in (file.read_bytes() for file in functions.glob("*/*.py"))
        for mark in _EVENT_MARKS
    )


@dataclass(frozen=True)
class ChildArguments:
    """The arguments that each child is started with; they are picklable and contain no secrets."""

    root: Path
    state: Path
    flags: dict[str, Any] = field(default_factory=dict)

    def load_settings(self) -> Settings:
        """Return the current settings.

        Raises ConfigError if they are invalid, or if their state folder is not the supervisor's
        state folder: processes with different folders would count limits separately.
        """
        settings = load(self.root, flags=self.flags)
        if settings.state != self.state:
            raise ConfigError(
                f"changed from {self.state} to {settings.state}",
                where="project.state",
                fix="this setting takes effect after a restart of `neurova run`",
            )
        return settings


def _bind_gateway(settings: Settings) -> list[socket.socket]:
    return bind_all(settings.gateway.host, settings.gateway.port, settings.runtime.workers)


def _bind_registry(settings: Settings) -> list[socket.socket]:
    return registry_api.listen_all(settings, settings.bus.processes)


def _bind_relay_registry(settings: Settings) -> list[socket.socket]:
    return registry_api.listen_all(settings, 1)


def _bind_admin(settings: Settings) -> list[socket.socket]:
    return [admin_access.listen(settings)]
