"""Soak: Booking under load for ten minutes, with two workers: memory and handles do not grow.

Calls of every function, with keys, of which some are refused: bookings made until all is sold out,
read, listed, cancelled, quoted; unknown paths, keys and bodies. Goals: summed PSS, handles and
threads of the last minute at most 1.02 x those of the second (one more database reader: 1 %).
"""

from __future__ import annotations

import json
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from . import report
from .answers import check
from .cpu import held
from .figure import Figure
from .load import Load, Request, Wrk
from .p14 import BOOKING, FIRST
from .project import NEUROVA, Project
from .servers import Server, running

LIMIT = 'limit="1000000000/minute"'
WORKERS = 2
EACH = 10.0  # seconds between two looks
SHORT = 3.0  # minutes of a quick run
Fields = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Sample:
    """What all processes held together, `at` seconds after the load began."""

    at: float
    memory: int
    handles: int
    threads: int


def mix(fields: Fields) -> Iterator[Request]:
    """Yield the calls of a round: about one in four writes."""
    for day in range(0, 365, 3):
        arrival = str(FIRST + timedelta(day))
        stay = {"room_type": "a", "arrival": arrival, "nights": 2}
        body = json.dumps(stay).encode()
        yield Request("POST", "/bookings", body, fields)
        yield Request("POST", "/bookings", body, (*fields, ("Idempotency-Key", f"k-{day}")))
        yield Request("GET", f"/availability?room_type=a&arrival={arrival}&nights=2", b"", fields)
        yield Request("GET", "/bookings", b"", fields)
        yield Request("GET", "/rooms", b"", fields)
        yield Request("POST", "/quote", body, fields)
        yield Request("DELETE", f"/bookings/none-{day}", b"", fields)
        yield Request("GET", f"/bookings/none-{day}", b"", fields)
        yield Request("GET", f"/nothing/{day}", b"", fields)
        yield Request("GET", "/rooms", b"", (("X-API-Key", "nrv_live_unknown"),))
        yield Request("POST", "/bookings", b'{"room_type": 1}', fields)


def made(folder: Path) -> tuple[Project, Fields]:
    """Make a project with Booking, its limits raised; return it and the fields of a key."""
    project = Project(folder)
    shutil.copytree(BOOKING, folder / "functions" / "booking")
    for file in (folder / "functions" / "booking").glob("*.py"):
        file.write_text(re.sub(r'limit="[^"]*"', LIMIT, file.read_text()))
    subprocess.run([NEUROVA, "db", "upgrade"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return project, (("X-API-Key", project.key("booking:read", "booking:write")),)


def watched(server: Server, load: Future[Load]) -> Iterator[Sample]:
    """Yield a sample every few seconds while the load runs."""
    began = time.monotonic()
    while not load.done():
        yield Sample(round(time.monotonic() - began, 1), *held(server.pid))
        time.sleep(EACH)


def minute(samples: Sequence[Sample], number: int) -> list[Sample]:
    """Return the samples of a minute, the first is 1."""
    return [sample for sample in samples if number - 1 <= sample.at / 60 < number]


def median(samples: Sequence[Sample], name: str) -> float:
    """Return the median of what the samples say."""
    return float(statistics.median(getattr(sample, name) for sample in samples))


def main() -> None:
    """Measure and keep the result."""
    figure = Figure("soak", __doc__)
    minutes = figure.form.minutes if figure.wanted else SHORT
    with tempfile.TemporaryDirectory(prefix="neurova-bench-") as folder:
        project, fields = made(Path(folder))
        program = project.program("run")
        program = replace(program, env={**program.env, "NEUROVA_RUNTIME_WORKERS": str(WORKERS)})
        sound = (Request("GET", "/rooms", b"", fields), Request("GET", "/rooms", status=401))
        with running(program) as server, ThreadPoolExecutor() as beside:
            check(server.port, sound)
            load = beside.submit(Wrk(60 * minutes).run, server.port, tuple(mix(fields)))
            samples = list(watched(server, load))
            check(server.port, sound)
        seen = load.result()
    early, late = minute(samples, 2), minute(samples, int(minutes))
    rows = [(s.at, f"{s.memory / 1e6:.1f}", s.handles, s.threads) for s in samples]
    print(report.table(("seconds", "PSS, MB", "handles", "threads"), rows))
    print(f"{seen.requests:,} calls, {seen.requests / seen.seconds:,.0f} a second", flush=True)
    if seen.broken:
        raise RuntimeError(f"connections broke: {seen}")
    for name, what in (("memory", "PSS"), ("handles", "handles"), ("threads", "threads")):
        grown = median(late, name) / median(early, name)
        figure.judge(f"{what}, minute {minutes:g} ÷ minute 2", grown, 1.02)
    figure.parts["samples"] = [vars(sample) for sample in samples]
    figure.parts["calls"] = seen.requests
    figure.keep()


if __name__ == "__main__":
    main()
