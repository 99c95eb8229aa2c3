"""P6: calls per second of two workers on two cores against one; a call takes 500 µs of CPU.

Both are `neurova run` with a key, a scope and a strict window over all workers. Nothing is pinned;
the load shares the two cores. Goal: at least 1.8 x the calls of one worker.
"""

from __future__ import annotations

import statistics
import tempfile
import timeit
from dataclasses import asdict, replace
from pathlib import Path

from .figure import Figure, format_rounds
from .load import Request
from .project import Project
from .rounds import Contender, measure_interleaved

WORK_US = 500.0
LEAST = 1.8
FUNCTION = '''"""Work for a measurement."""

from neurova import get


@get("/work", scopes=["bench:work"], limit="1000000/second")
async def work() -> dict[str, int]:
    """Answer after some work."""
    return {{"sum": sum(range({steps}))}}
'''


def count_steps() -> int:
    """Return the number of loop steps that take WORK_US of CPU on this machine."""
    steps = 10_000
    took = min(timeit.repeat(lambda: sum(range(steps)), number=10, repeat=20)) / 10
    return int(steps * WORK_US / (took * 1e6)) + 1


def contender(folder: Path, workers: int, steps: int) -> Contender:
    """Create a project served by `workers` workers."""
    project = Project(folder)
    project.write("functions/work/work.py", FUNCTION.format(steps=steps))
    fields = (("X-API-Key", project.key("bench:work")),)
    answer = {"sum": steps * (steps - 1) // 2}
    program = project.program("run")
    program = replace(program, env={**program.env, "NEUROVA_RUNTIME_WORKERS": str(workers)})
    call = Request("GET", "/work", fields=fields, answer=answer)
    refused = Request("GET", "/work", status=401)
    return Contender(f"{workers} worker(s)", program, (call,), (refused,))


def main() -> None:
    """Measure and write the result."""
    figure = Figure("p6", __doc__)
    with tempfile.TemporaryDirectory(prefix="neurova-bench-") as folder:
        steps = count_steps()
        one, two = (contender(Path(folder) / str(count), count, steps) for count in (1, 2))
        rounds = measure_interleaved([one, two], figure.duration, pin=False)
    print(f"p6 (free)\n{format_rounds(rounds)}")
    times = [
        b.per_second / a.per_second for a, b in zip(rounds[one.name], rounds[two.name], strict=True)
    ]
    print(f"two workers: {statistics.median(times):.3g} x the calls per second of one")
    # A goal is a maximum, so compare the inverse: the time per call.
    share = statistics.median(1 / each for each in times)
    figure.judge("time a call with two workers ÷ with one", share, 1 / LEAST)
    figure.parts["two against one"] = {
        "pinned": False,
        "work_us": WORK_US,
        "calls": [round(each, 4) for each in times],
        "rounds": {name: [asdict(one) for one in each] for name, each in rounds.items()},
    }
    figure.write()


if __name__ == "__main__":
    main()
