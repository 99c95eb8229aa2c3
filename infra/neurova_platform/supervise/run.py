"""`neurova run`: lock the state folder, open the sockets and supervise the roles."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from neurova.files.locks import process_lock
from neurova.settings.settings import Settings

from ..admin import access as admin_access
from ..admin import snapshot
from ..assets import plugins_folder
from ..composition.state import RUN_LOCK, prepare, remove_old_counters
from ..http_client import address
from ..serving import logs
from .report import Emit, EventReporter
from .roles import ChildArguments, Part, Role, roles
from .slots import WorkerSlot, create_slots
from .supervisor import Supervisor

_ALREADY_RUNS = (
    "`kill -HUP PID` makes it load new code, `kill PID` stops it, --workers starts more workers; "
    "another project needs another [project] state"
)


def run(
    settings: Settings,
    flags: dict[str, Any],
    emit: Emit,
    extra_roles: Sequence[Role] = (),
    part: Part = "all",
) -> None:
    """Supervise the roles of a project until SIGINT or SIGTERM.

    `flags`: the flags with which the settings were loaded. `emit` receives events (docs/run.md).
    Raises NeurovaError if a role cannot start.
    """
    with ExitStack() as stack:
        stack.enter_context(
            process_lock(prepare(settings.state) / RUN_LOCK, "neurova run", _ALREADY_RUNS)
        )
        stack.enter_context(logs.writing(settings))
        slots: list[WorkerSlot] = []
        for role in [*roles(settings, part), *extra_roles]:
            slots += _open_slots(role, settings, stack)
        # Skip counters left by earlier processes.
        remove_old_counters(settings.state)
        snapshot.clear(settings.state)
        facts = {
            "url": _url(slots, "worker", settings.gateway.host, bool(settings.gateway.tls_cert)),
            "workers": settings.runtime.workers,
            "admin": _url(slots, "admin", settings.admin.host),
            "registry": _url(
                slots, "relay" if part == "relay" else "events", settings.schemas.host
            ),
        }
        if facts["admin"]:
            stack.enter_context(admin_access.address_file(settings, str(facts["admin"])))

        def emit_with_facts(event: dict[str, Any]) -> None:
            emit(event | facts if event["event"] == "ready" else event)

        reporter = EventReporter(
            emit_with_facts, [settings.functions, plugins_folder(settings.gateway.plugins)]
        )
        arguments = ChildArguments(settings.root, settings.state, flags)
        Supervisor(settings, arguments, slots, reporter).run()


def _open_slots(role: Role, settings: Settings, stack: ExitStack) -> list[WorkerSlot]:
    listeners: list[socket.socket] = role.listen(settings) if role.listen else []
    for listener in listeners:
        stack.callback(listener.close)
    return create_slots(role, listeners)


def _url(slots: Sequence[WorkerSlot], role: str, host: str, tls: bool = False) -> str:
    """Return the URL of a role's first process, "" if the role does not listen."""
    for slot in slots:
        if slot.role.name == role and slot.listener is not None:
            return address(host, slot.listener.getsockname()[1], tls=tls)
    return ""
