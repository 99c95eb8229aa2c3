"""/v1/workers: the running worker processes."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Literal

import msgspec

from ...metrics.totals import FRESH, Totals, read_totals
from ..context import AdminContext
from ..operation import Call, operation
from ..paging import Page, paginate


class Worker(msgspec.Struct, frozen=True):
    """A worker; `silent`: it has reported nothing for 5 s, so its event loop is blocked.

    `cpu_seconds` includes the earlier processes of this worker. None: not available on this system.
    """

    slot: int
    pid: int
    status: Literal["serving", "silent"]
    started: float
    sampled: float
    in_flight: int
    connections: int
    cpu_seconds: float
    resident_bytes: int | None
    open_files: int | None


@operation("GET", "/v1/workers")
def list_workers(context: AdminContext, call: Call) -> Page[Worker]:
    """List the processes that serve."""
    workers = list_running(read_totals(context.counters), time.time())
    return paginate(workers, call.query, lambda each: each.slot, int)


def list_running(totals: Totals, now: float) -> list[Worker]:
    """Return the workers that run at `now` (Unix seconds)."""
    return [
        Worker(
            each.slot,
            each.pid,
            "serving" if now - each.sampled < FRESH else "silent",
            each.started,
            each.sampled,
            each.in_flight,
            each.connections,
            totals.cpu[each.slot],
            resident_bytes(each.pid),
            open_files(each.pid),
        )
        for each in totals.workers
    ]


def resident_bytes(pid: int) -> int | None:
    """Return the resident memory of a process, including shared pages; None: not available."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    except (OSError, IndexError):
        return None
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def open_files(pid: int) -> int | None:
    """Return the number of open files and sockets of a process; None: not available."""
    try:
        return sum(1 for _ in os.scandir(f"/proc/{pid}/fd"))
    except OSError:
        return None


OPERATIONS = (list_workers,)
