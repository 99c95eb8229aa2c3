"""P5: 10,000 function files in 100 services of 100, bytecode warm: start, memory, one file saved.

Goals: at most 5 s CPU to the first answer; at most 80 MB over the same with one function; a saved
file's service live in at most 300 ms under `neurova dev`.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from . import cpu
from .figure import Figure
from .moments import saved, until
from .project import Endpoint, Project
from .servers import launched

FILES = 10_000
LAST = Endpoint(FILES - 1)


def started(project: Project, endpoint: Endpoint, key: str) -> tuple[float, float]:
    """Start `neurova run`; return CPU seconds and MB of memory at its first answer."""
    with launched(project.program("run")) as server:
        until(server, lambda: endpoint.asked(key), time.monotonic())
        return server.cpu(), cpu.resident(server.pid) / 1e6


def lives(project: Project, times: int) -> list[float]:
    """Save a function under `neurova dev` some times; return the ms until each was live."""
    found = []
    with launched(project.program("dev")) as server:
        until(server, lambda: LAST.asked(project.dev_key()), time.monotonic())
        key = project.dev_key()
        for turn in range(1, times + 1):
            text = LAST.source(plus=turn)
            took = saved(server, project, LAST.file, text, LAST.asked(key, plus=turn))
            found.append(took * 1e3)
    return found


def main() -> None:
    """Measure and keep the result."""
    figure = Figure("p5", __doc__)
    with tempfile.TemporaryDirectory(prefix="neurova-bench-") as folder:
        full, empty = Project(Path(folder) / "full"), Project(Path(folder) / "empty")
        full.write_endpoints(FILES)
        empty.write_endpoints(1)
        full_key, empty_key = full.key("bench:read"), empty.key("bench:read")
        started(full, LAST, full_key)  # makes the bytecode
        starts = [
            (started(full, LAST, full_key), started(empty, Endpoint(0), empty_key))
            for _ in range(figure.form.rounds)
        ]
        figure.sample("start with 10,000 files", [one[0] for one, _ in starts], 5.0, "s CPU")
        figure.sample("memory above empty", [one[1] - zero[1] for one, zero in starts], 80, "MB")
        figure.sample("saved file live", lives(full, figure.form.rounds), 300, "ms")
    figure.keep()


if __name__ == "__main__":
    main()
