"""Report the supervisor's events to the command, and errors with their file and line to the log."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from neurova.errors import NeurovaError, StateError

from .child import Child
from .slots import WorkerSlot

Emit = Callable[[dict[str, Any]], None]
logger = logging.getLogger("neurova.run")

_THREAD = re.compile(r"^(?:Current thread|Thread) 0x[0-9a-f]+.*\(most recent call first\):$", re.M)
_TRUNCATED = re.compile(r"^\.\.\.$", re.M)  # faulthandler writes at most 100 threads, then "..."
_FATAL = "Fatal Python error"
_FRAME = re.compile(r'^  File "(.*)", line (\d+) in (.+)$', re.M)


class EventReporter:
    """Emit an event for each change of a child's state, and log errors.

    `code_folders`: an error is attributed to the innermost call in these folders.
    """

    def __init__(self, emit: Emit, code_folders: Sequence[Path]) -> None:
        self._emit = emit
        self._code_folders = code_folders

    def report_ready(self, slots: Sequence[WorkerSlot]) -> None:
        """Report that all slots have a child that is ready."""
        facts = [slot.serving.facts or {} for slot in slots if slot.serving]
        functions = max(each.get("functions", 0) for each in facts)
        self._emit({"event": "ready", "pids": worker_pids(slots), "functions": functions})

    def report_started(self, slot: WorkerSlot, child: Child) -> None:
        """Report that a child is ready."""
        seat = (child.facts or {}).get("seat")
        self._emit_worker(slot, child.pid, "started", seat=seat)

    def report_ended(self, slot: WorkerSlot, child: Child) -> None:
        """Report that a child has exited on request."""
        self._emit_worker(slot, child.pid, "ended")

    def report_over_memory(self, slot: WorkerSlot, child: Child, held: int) -> None:
        """Report that a worker uses more memory than `[runtime] memory`."""
        self._emit_worker(
            slot, child.pid, "over_memory", reason=f"the worker uses {held >> 20} MiB"
        )

    def report_died(self, slot: WorkerSlot, child: Child, wait: float) -> None:
        """Report that a child has exited unexpectedly; `wait`: seconds until the next start."""
        reason = f"{child.describe_exit()}{self._locate(child)}"
        self._emit_worker(slot, child.pid, "died", reason=reason, retry_in=round(wait, 1))
        if not child.was_killed:  # `report_stuck` has already logged this child
            when = f" in {wait:.1f} s because it exits repeatedly" if wait else ""
            logger.error(
                "%s (pid %s) %s; replacing it%s",
                slot.name, child.pid, reason, when, extra=_stacks_field(child),
            )  # fmt: skip

    def report_stuck(self, slot: WorkerSlot, child: Child, seconds: float) -> None:
        """Report that the event loop of a child is blocked, and in which line."""
        where = self._locate(child) or ", at an unknown line"
        self._emit_worker(slot, child.pid, "stuck", reason=f"{seconds:g} s{where}")
        logger.error(
            "%s (pid %s) has been blocked for %g s%s; replacing it",
            slot.name, child.pid, seconds, where, extra=_stacks_field(child),
        )  # fmt: skip

    def report_failed(self, slot: WorkerSlot, pid: int | None, reason: str, wait: float) -> None:
        """Report that a slot has no child for now."""
        self._emit_worker(slot, pid, "failed", reason=reason, retry_in=round(wait, 1))
        logger.error("%s could not start, retrying in %.1f s: %s", slot.name, wait, reason)

    def report_refused(self, error: NeurovaError) -> None:
        """Report that a restart is refused, so the current children continue to serve."""
        self._emit({"event": "refused", "reason": str(error)})
        logger.error("Restart refused, still serving the previous version: %s", error)

    def report_restarted(self, slots: Sequence[WorkerSlot]) -> None:
        """Report that all children are replaced."""
        self._emit({"event": "restarted", "pids": worker_pids(slots)})

    def warn(self, message: str) -> None:
        """Log that a signal or a changed setting has no effect."""
        logger.warning(message)

    def describe_start_failure(self, slot: WorkerSlot, child: Child) -> NeurovaError:
        """Return why a child did not become ready."""
        if child.start_error is not None:
            return child.start_error
        how = "did not start in time" if child.was_killed else f"{child.describe_exit()} at start"
        return StateError(f"{slot.name} {how}{self._locate(child)}")

    def _locate(self, child: Child) -> str:
        frame = find_faulty_frame(child.stacks, self._code_folders)
        return f" in {frame}" if frame else ""

    def _emit_worker(self, slot: WorkerSlot, pid: int | None, what: str, **facts: Any) -> None:
        self._emit({"event": "worker", "name": slot.name, "what": what, "pid": pid, **facts})


def worker_pids(slots: Sequence[WorkerSlot]) -> list[int | None]:
    """Return the processes that serve functions."""
    return [slot.serving.pid for slot in slots if slot.serving and slot.role.serves_functions]


def _stacks_field(child: Child) -> dict[str, Any]:
    return {"neurova": {"stacks": child.stacks}} if child.stacks else {}


class Frame(NamedTuple):
    """One call on a stack."""

    file: str
    line: int
    name: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} ({self.name})"


def find_faulty_frame(dump: str, code_folders: Sequence[Path]) -> Frame | None:
    """Return the faulty thread's innermost call in one of the folders, or else its innermost call.

    `dump` is the output of faulthandler. Returns None if it contains no stack.
    """
    frames = faulty_thread(dump)
    for frame in frames:
        if any(Path(frame.file).is_relative_to(folder) for folder in code_folders):
            return frame
    return frames[0] if frames else None


def faulty_thread(dump: str) -> list[Frame]:
    """Return the stack of the crashed thread, or else of the main thread, innermost call first.

    Returns an empty list if the dump does not show that thread.
    """
    threads = list(_THREAD.finditer(dump))
    if not threads:
        return []
    found = threads[-1]  # faulthandler writes the oldest thread last: the main thread
    if _FATAL in dump:
        found = next((each for each in threads if each[0].startswith("Current")), found)
    elif _TRUNCATED.search(dump):
        return []
    after = dump[found.end() :]
    end = _THREAD.search(after)
    frames = _FRAME.findall(after[: end.start()] if end else after)
    return [Frame(file, int(line), name) for file, line, name in frames]
