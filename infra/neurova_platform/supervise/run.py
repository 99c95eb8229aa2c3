"""`neurova run`: sockets, lock, slots and supervisor put together."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from neurova.files.locks import process_lock
from neurova.settings.settings import Settings
from neurova_gateway.metrics.counter_file import remove_unused_counter_files

from ..admin import access as admin_access
from ..admin import snapshot
from ..composition.state import COUNTERS, RUN_LOCK, prepare
from ..serving import logs
from ..serving.client import address
from ..serving.listener import bind_all
from .children import beside
from .order import Order
from .report import Report, Tell
from .slot import WORKER, Slot
from .supervisor import Supervisor

_ALREADY_RUNS = (
    "`kill -HUP PID` makes it load new code, `kill PID` stops it, --workers starts more workers; "
    "another project needs another [project] state"
)


def run(settings: Settings, flags: dict[str, Any], tell: Tell) -> None:
    """Serve a project by `[runtime] workers` processes until SIGINT or SIGTERM.

    `flags` are those that the settings were loaded with; `tell` is told each event. Raises
    NeurovaError when it cannot start.
    """
    gateway = settings.gateway
    order = Order(settings.root, settings.state, flags)
    with ExitStack() as stack:
        stack.enter_context(
            process_lock(prepare(settings.state) / RUN_LOCK, "neurova run", _ALREADY_RUNS)
        )
        log = logs.install(settings.state / "logs")
        stack.callback(logs.remove, log)
        listeners = bind_all(gateway.host, gateway.port, settings.runtime.workers)
        for listener in listeners:
            stack.callback(listener.close)
        url = address(gateway.host, listeners[0].getsockname()[1], tls=bool(gateway.tls_cert))

        # What those who ran before have counted and served is not ours.
        remove_unused_counter_files(settings.state / COUNTERS)
        snapshot.clear(settings.state)
        slots = [Slot(f"worker {n}", WORKER, each) for n, each in enumerate(listeners)]
        facts: dict[str, Any] = {"url": url, "workers": len(slots), "admin": ""}
        for extra in beside(settings):
            stack.callback(extra.listener.close)
            slots.append(extra)
            facts[extra.name] = address(*extra.listener.getsockname()[:2], tls=False)
        if facts["admin"]:
            stack.enter_context(admin_access.address_file(settings, facts["admin"]))

        def told(event: dict[str, Any]) -> None:
            tell(event | facts if event["event"] == "ready" else event)

        Supervisor(settings, order, slots, Report(told)).run()
