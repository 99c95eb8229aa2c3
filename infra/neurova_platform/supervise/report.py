"""What a supervisor says: events to whoever started it, and errors to the log."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from neurova.errors import BindError, ConfigError, LoadError, NeurovaError, StateError, Unavailable

from . import stack
from .child import Child
from .slot import Slot

Tell = Callable[[dict[str, Any]], None]
_KNOWN = {
    kind.__name__: kind for kind in (LoadError, BindError, ConfigError, StateError, Unavailable)
}
logger = logging.getLogger("neurova.run")


class Report:
    """Say what happens: `tell` is told events, the log what somebody must look at."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell

    def ready(self, slots: Sequence[Slot]) -> None:
        """Say that all serve."""
        said = [slot.serving.ready or {} for slot in slots if slot.serving]
        functions = max(each.get("functions", 0) for each in said)
        self._tell({"event": "ready", "pids": pids(slots), "functions": functions})

    def started(self, slot: Slot, child: Child) -> None:
        """Say that a child serves."""
        seat = (child.ready or {}).get("seat")
        self._worker(slot, child.pid, "started", seat=seat)

    def ended(self, slot: Slot, child: Child) -> None:
        """Say that a child that was told to has ended."""
        self._worker(slot, child.pid, "ended")

    def over(self, slot: Slot, child: Child, held: int) -> None:
        """Say that a worker holds more memory than it may."""
        self._worker(slot, child.pid, "over", why=f"it holds {held >> 20} MiB")

    def died(self, slot: Slot, child: Child, homes: Sequence[Path], again: float) -> None:
        """Say that a child that served has ended by itself, and where it was if it said so.

        `again`: seconds until another is started.
        """
        why = f"{child.fate}{_place(child, homes)}"
        self._worker(slot, child.pid, "died", why=why, again=round(again, 1))
        if not child.condemned:  # by us, who have said why
            when = f" in {again:.1f} s, as it has died before" if again else ""
            said = f"{slot.name} (pid {child.pid}) {why}: it is replaced{when}"
            logger.error(said, extra=_more(child))

    def stuck(self, slot: Slot, child: Child, seconds: float, homes: Sequence[Path]) -> None:
        """Say that a child hangs, and where."""
        where = _place(child, homes) or ", it could not be seen where"
        self._worker(slot, child.pid, "stuck", why=f"{seconds:g} s{where}")
        said = f"{slot.name} (pid {child.pid}) hangs for {seconds:g} s{where}: it is replaced"
        logger.error(said, extra=_more(child))

    def failed(self, slot: Slot, pid: int | None, why: str, again: float) -> None:
        """Say that a slot stays empty for now."""
        self._worker(slot, pid, "failed", why=why, again=round(again, 1))
        logger.error("%s cannot start, again in %.1f s: %s", slot.name, again, why)

    def refused(self, why: object) -> None:
        """Say that a restart is not to be."""
        self._tell({"event": "refused", "why": str(why)})
        logger.error("the restart is refused, what served before serves on: %s", why)

    def restarted(self, slots: Sequence[Slot]) -> None:
        """Say that all are new."""
        self._tell({"event": "restarted", "pids": pids(slots)})

    def unheard(self, what: str) -> None:
        """Say that a signal changes nothing."""
        logger.warning(what)

    def _worker(self, slot: Slot, pid: int | None, what: str, **facts: Any) -> None:
        self._tell({"event": "worker", "name": slot.name, "what": what, "pid": pid, **facts})


def pids(slots: Sequence[Slot]) -> list[int | None]:
    """Return the processes that serve functions."""
    return [slot.serving.pid for slot in slots if slot.serving and slot.is_worker]


def start_failure(slot: Slot, child: Child, homes: Sequence[Path]) -> NeurovaError:
    """Return what kept a child from starting: what it said, or how it ended."""
    if child.failure is not None:
        kind, said = child.failure
        return _KNOWN.get(kind, NeurovaError)(said)
    how = "did not begin in time" if child.condemned else f"{child.fate} while it began"
    return StateError(f"{slot.name} {how}{_place(child, homes)}")


def _place(child: Child, homes: Sequence[Path]) -> str:
    frame = stack.culprit(child.stacks, homes)
    return f" in {frame}" if frame else ""


def _more(child: Child) -> dict[str, Any]:
    return {"neurova": {"stacks": child.stacks}} if child.stacks else {}
