"""A process that runs two schedules by the test's clock and kills itself at a given point.

Arguments: the database location, and a file with the clock (a double) and the point at which to
kill the process (a byte; see KILL_POINTS).
"""

from __future__ import annotations

import asyncio
import mmap
import os
import signal
import struct
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from neurova import Tx, cron, every
from neurova.database.base import Database
from neurova.database.postgres.database import PostgresDatabase
from neurova.database.postgres.url import PostgresUrl
from neurova.database.sqlite.database import SqliteDatabase
from neurova.resources import Resources
from neurova.schedules.function import ScheduledFunction
from neurova.schedules.runner import ScheduleRunner
from neurova.subscriptions.background import Definition

KILL_POINTS = {"begin": 1, "written": 2, "committed": 3, "waiting": 4}
nights = sa.Table(
    "nights",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("schedule", sa.String),
    sa.Column("night", sa.Double),
)


class Control:
    """The clock and the kill point, shared with the test in a file."""

    def __init__(self, file: Path) -> None:
        with file.open("r+b") as opened:
            self._memory = mmap.mmap(opened.fileno(), 9)

    def now(self) -> float:
        return float(struct.unpack_from("d", self._memory)[0])

    def set(self, now: float, point: int = 0) -> None:
        struct.pack_into("B", self._memory, 8, point)
        struct.pack_into("d", self._memory, 0, now)

    def die_at(self, point: str) -> None:
        """Kill this process if `point` is the requested kill point; do this only once."""
        if self._memory[8] == KILL_POINTS[point]:
            struct.pack_into("B", self._memory, 8, 0)
            os.kill(os.getpid(), signal.SIGKILL)


def open_database(location: str) -> Database:
    if location.startswith("postgresql"):
        return PostgresDatabase(PostgresUrl(location))
    return SqliteDatabase(Path(location))


def make_handler(name: str, decorate: Callable[..., Any], control: Control) -> Any:
    async def run(scheduled: datetime, tx: Tx) -> None:
        control.die_at("begin")
        row = {"schedule": name, "night": scheduled.timestamp()}
        await tx.execute(nights.insert(), row)
        control.die_at("written")
        tx.after_commit(control.die_at, "committed")

    run.__name__ = name
    return decorate(run)


async def main(location: str, file: str) -> None:
    control, database = Control(Path(file)), open_database(location)

    def clock() -> float:
        control.die_at("waiting")
        return control.now()

    for name, decorate in (("nightly", cron("0 0 * * *")), ("daily", every("1 day"))):
        handler = make_handler(name, decorate, control)
        definition = Definition(
            handler, handler.__neurova__, "shop", "x.py", Resources(database=lambda: database)
        )
        function = ScheduledFunction(definition)
        runner = ScheduleRunner(function, lambda record: None, clock, poll=0.005)
        await runner.run_due()  # registers the schedule
        runner.start()
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
