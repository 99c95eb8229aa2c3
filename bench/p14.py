"""P14: creating and reading a booking in the whole platform, against FastAPI with only its SQL.

NEUROVA: Booking with keys, scopes and access records, on SQLite with synchronous FULL. Peer:
FastAPI, SQLAlchemy async and aiosqlite on a copy of the same database. Goals: at most 1/2 of its
CPU to create, 1/4 to read.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

from . import peers
from .answers import find_fault, send_once
from .figure import Figure, Goal
from .load import Request
from .project import NEUROVA, Project
from .rounds import Contender
from .servers import Program, running

BOOKING = Path(__file__).parents[1] / "functions" / "booking"
FIRST = date(2030, 1, 1)
DAYS = 3_650
Fields = tuple[tuple[str, str], ...]


def create_requests(fields: Fields) -> tuple[Request, ...]:
    """Return requests for stays on different dates, so that rooms do not run out."""
    return tuple(
        Request("POST", "/bookings", json.dumps(stay).encode(), fields, 201)
        for stay in (
            {"room_type": "a", "arrival": str(FIRST + timedelta(day)), "nights": 2}
            for day in range(0, DAYS, 2)
        )
    )


def read_requests(program: Program, fields: Fields) -> tuple[Request, ...]:
    """Create some bookings; return requests that read them, and their answers."""
    requests = []
    with running(program) as server:
        for request in create_requests(fields)[:100]:
            answer = send_once(server.port, request)
            if fault := find_fault(request, answer):
                raise RuntimeError(fault)
            booking = json.loads(answer.body)
            path = f"/bookings/{booking['id']}"
            requests.append(Request("GET", path, fields=fields, answer=booking))
    return tuple(requests)


def ours(folder: Path) -> tuple[Program, Fields]:
    """Create a project with Booking and a migrated database; return its program and a key."""
    project = Project(folder)
    shutil.copytree(BOOKING, folder / "functions" / "booking")
    subprocess.run([NEUROVA, "db", "upgrade"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    key = project.key("booking:read", "booking:write")
    return project.program("run"), (("X-API-Key", key),)


def theirs(database: Path) -> Program:
    """Return the peer's program for a database."""
    name, env = "fastapi_sqlalchemy", {"BENCH_DATABASE": str(database)}
    return peers.uvicorn(peers.python(name), name, "--no-proxy-headers", env=env)


def main() -> None:
    """Measure creating, then reading, and write the result."""
    figure = Figure("p14", __doc__)
    with tempfile.TemporaryDirectory(prefix="neurova-bench-") as folder:
        program, fields = ours(Path(folder) / "neurova")
        copy = Path(folder) / "peer.db"
        shutil.copy(Path(folder) / "neurova" / ".neurova" / "booking.db", copy)
        contenders: Sequence[Contender] = [
            Contender("neurova", program, create_requests(fields)),
            Contender("FastAPI, SQLAlchemy, aiosqlite", theirs(copy), create_requests(())),
        ]
        other = contenders[1].name
        figure.compare("create", contenders, [Goal("neurova", other, 1 / 2)])
        contenders = [
            replace(each, requests=read_requests(each.program, each.requests[0].fields))
            for each in contenders
        ]
        figure.compare("read", contenders, [Goal("neurova", other, 1 / 4)])
    figure.write()


if __name__ == "__main__":
    main()
