"""P5: start, memory and reload of 10,000 function files in 100 services, with cached bytecode.

Goals: at most 5 s CPU to the first answer; at most 80 MB more than with one function; at most
300 ms under `neurova dev` until the service of a saved file is live.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from . import cpu
from .answers import save_and_wait, wait_for_answer
from .figure import Figure
from .project import Endpoint, Project
from .servers import started

FILES = 10_000
LAST = Endpoint(FILES - 1)


def measure_start(project: Project, endpoint: Endpoint, key: str) -> tuple[float, float]:
    """Start `neurova run`; return CPU seconds and MB of memory at its first answer."""
    with started(project.program("run")) as server:
        wait_for_answer(server, lambda: endpoint.request(key), time.monotonic())
        return server.cpu(), cpu.resident_bytes(server.pid) / 1e6


def measure_reloads(project: Project, times: int) -> list[float]:
    """Save a function `times` times under `neurova dev`; return the ms until each was live."""
    times_ms = []
    with started(project.program("dev")) as server:
        wait_for_answer(server, lambda: LAST.request(project.dev_key()), time.monotonic())
        key = project.dev_key()
        for turn in range(1, times + 1):
            text = LAST.source(plus=turn)
            took = save_and_wait(server, project, LAST.file, text, LAST.request(key, plus=turn))
            times_ms.append(took * 1e3)
    return times_ms


def main() -> None:
    """Measure and write the result."""
    figure = Figure("p5", __doc__)
    with tempfile.TemporaryDirectory(prefix="neurova-bench-") as folder:
        full, empty = Project(Path(folder) / "full"), Project(Path(folder) / "empty")
        full.write_endpoints(FILES)
        empty.write_endpoints(1)
        full_key, empty_key = full.key("bench:read"), empty.key("bench:read")
        measure_start(full, LAST, full_key)  # writes the bytecode
        starts = [
            (measure_start(full, LAST, full_key), measure_start(empty, Endpoint(0), empty_key))
            for _ in range(figure.duration.rounds)
        ]
        figure.sample("start with 10,000 files", [one[0] for one, _ in starts], 5.0, "s CPU")
        figure.sample("memory above empty", [one[1] - zero[1] for one, zero in starts], 80, "MB")
        figure.sample("saved file live", measure_reloads(full, figure.duration.rounds), 300, "ms")
    figure.write()


if __name__ == "__main__":
    main()
