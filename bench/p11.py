"""P11: start of `neurova --help`, first answer of `neurova dev`, reload of a saved file.

Goals: at most 120 ms CPU; at most 1.5 s from start to the first call's answer; at most 300 ms.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from . import quote
from .answers import save_and_wait, wait_for_answer
from .figure import Figure
from .project import NEUROVA, Project
from .servers import Server, started

FILE = "functions/quotes/quote.py"


def measure_help() -> float:
    """Return the CPU milliseconds of one `neurova --help`."""
    with subprocess.Popen([NEUROVA, "--help"], stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"neurova --help ended with {process.returncode}")
    return (usage.ru_utime + usage.ru_stime) * 1e3


@contextmanager
def dev(project: Project) -> Iterator[tuple[Server, float]]:
    """Run `neurova dev`; yield it, and the seconds from its start to the first correct response."""
    (project.state / "dev.key").unlink(missing_ok=True)
    started_at = time.monotonic()
    with started(project.program("dev")) as server:
        yield server, wait_for_answer(server, lambda: quote.request(project.dev_key()), started_at)


def measure_reloads(project: Project, times: int) -> list[float]:
    """Save the function `times` times under `neurova dev`; return the ms until each was live."""
    times_ms = []
    with dev(project) as (server, _):
        request = quote.request(project.dev_key())
        for turn in range(1, times + 1):
            rate = 11_950 + turn
            text = quote.FUNCTION.replace("11950", str(rate))
            answer = quote.ANSWER | {"rate_cents": rate, "total_cents": rate * 3}
            times_ms.append(
                save_and_wait(server, project, FILE, text, replace(request, answer=answer)) * 1e3
            )
    return times_ms


def main() -> None:
    """Measure and write the result."""
    figure = Figure("p11", __doc__)
    rounds = figure.duration.rounds
    figure.sample("neurova --help", [measure_help() for _ in range(rounds)], 120, "ms CPU")
    with tempfile.TemporaryDirectory(prefix="neurova-bench-") as folder:
        project = Project(Path(folder))
        project.write(FILE, quote.FUNCTION)
        firsts = []
        for _ in range(rounds):
            with dev(project) as (_, seconds):
                firsts.append(seconds)
        figure.sample("neurova dev, first answer", firsts, 1.5, "s")
        figure.sample("saved file live", measure_reloads(project, rounds), 300, "ms")
    figure.write()


if __name__ == "__main__":
    main()
