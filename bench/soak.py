"""Soak: memory and handles of two workers must not grow while Booking is called for ten minutes.

The load calls every function and also causes errors: sold-out rooms, unknown ids, paths and keys,
invalid bodies. Goals: summed PSS, handles and threads of the last minute at most 1.02 x those of
the second (one more database reader is 1 %).
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
from .answers import check_answers
from .cpu import resource_usage
from .figure import Figure
from .load import Load, Request, Wrk
from .p14 import BOOKING, FIRST
from .project import NEUROVA, Project
from .servers import Server, running

LIMIT = 'limit="1000000000/minute"'
WORKERS = 2
INTERVAL = 10.0  # seconds between two samples
QUICK_MINUTES = 3.0  # minutes of a quick run
Fields = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Sample:
    """The resources of all processes, `at` seconds after the load began."""

    at: float
    memory: int
    handles: int
    threads: int


def request_mix(fields: Fields) -> Iterator[Request]:
    """Yield the requests of a round; about a quarter are bookings."""
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


def create_project(folder: Path) -> tuple[Project, Fields]:
    """Create a project with Booking and high limits; return it, and the header field with a key."""
    project = Project(folder)
    shutil.copytree(BOOKING, folder / "functions" / "booking")
    for file in (folder / "functions" / "booking").glob("*.py"):
        file.write_text(re.sub(r'limit="[^"]*"', LIMIT, file.read_text()))
    subprocess.run([NEUROVA, "db", "upgrade"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return project, (("X-API-Key", project.key("booking:read", "booking:write")),)


def sample_usage(server: Server, load: Future[Load]) -> Iterator[Sample]:
    """Yield a sample every few seconds while the load runs."""
    began = time.monotonic()
    while not load.done():
        yield Sample(round(time.monotonic() - began, 1), *resource_usage(server.pid))
        time.sleep(INTERVAL)


def samples_of_minute(samples: Sequence[Sample], number: int) -> list[Sample]:
    """Return the samples of a minute, counted from 1."""
    return [sample for sample in samples if number - 1 <= sample.at / 60 < number]


def median(samples: Sequence[Sample], name: str) -> float:
    """Return the median of one resource."""
    return float(statistics.median(getattr(sample, name) for sample in samples))


def main() -> None:
    """Measure and write the result."""
    figure = Figure("soak", __doc__)
    minutes = figure.duration.minutes if figure.is_full else QUICK_MINUTES
    with tempfile.TemporaryDirectory(prefix="neurova-bench-") as folder:
        project, fields = create_project(Path(folder))
        program = project.program("run")
        program = replace(program, env={**program.env, "NEUROVA_RUNTIME_WORKERS": str(WORKERS)})
        checks = (Request("GET", "/rooms", b"", fields), Request("GET", "/rooms", status=401))
        with running(program) as server, ThreadPoolExecutor() as beside:
            check_answers(server.port, checks)
            load = beside.submit(Wrk(60 * minutes).run, server.port, tuple(request_mix(fields)))
            samples = list(sample_usage(server, load))
            check_answers(server.port, checks)
        result = load.result()
    early, late = samples_of_minute(samples, 2), samples_of_minute(samples, int(minutes))
    rows = [(s.at, f"{s.memory / 1e6:.1f}", s.handles, s.threads) for s in samples]
    print(report.format_table(("seconds", "PSS, MB", "handles", "threads"), rows))
    print(
        f"{result.requests:,} calls, {result.requests / result.seconds:,.0f} per second", flush=True
    )
    if result.broken:
        raise RuntimeError(f"connections were lost: {result}")
    for name, what in (("memory", "PSS"), ("handles", "handles"), ("threads", "threads")):
        grown = median(late, name) / median(early, name)
        figure.judge(f"{what}, minute {minutes:g} ÷ minute 2", grown, 1.02)
    figure.parts["samples"] = [vars(sample) for sample in samples]
    figure.parts["calls"] = result.requests
    figure.write()


if __name__ == "__main__":
    main()
