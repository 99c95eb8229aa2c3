"""Overload: five times the capacity of one worker on one core, for a minute, from the other core.

Functions compute for 5 ms: at once, after a wait of 10 ms, or in a plain `def`. Goals: at most 20 %
of the capacity lost; p99 of served calls at most 1.5 s; recovery in 2 s.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from . import report
from .figure import Figure
from .load import Request
from .openloop import LoadResult, hold, poisson_times, send
from .project import Project
from .rounds import LOAD_CORE, SERVER_CORE
from .servers import Server, running

FACTOR = 5
CALLERS = 8  # closed-loop callers; their rate is the capacity
AFTER = 5.0  # seconds of load at half the capacity after the overload, to measure the recovery
WORK = Request("GET", "/work").wire("127.0.0.1")
DONE = b'{"done":true}'
HEALTH = Request("GET", "/.well-known/neurova/health").wire("127.0.0.1")
SOURCE = '''"""Compute for 5 ms of processor time."""

import asyncio
import time

from neurova import get


def compute() -> int:
    end, number = time.thread_time() + 0.005, 0
    while time.thread_time() < end:
        number += sum(range(100))
    return number


@get("/work", public=True)
{kind} work() -> dict[str, bool]:
    {before}return {{"done": compute() > 0}}
'''
KINDS = {
    "at once": ("async def", ""),
    "after a wait": ("async def", "await asyncio.sleep(0.01)\n    "),
    "plain def": ("def", ""),
}


@dataclass(frozen=True)
class Outcome:
    """The result of one overload; rates are per second."""

    capacity: float
    alone_ms: float
    alone_p99_ms: float
    offered: float
    goodput: float
    served_p50_ms: float
    served_p99_ms: float
    settled_p99_ms: float
    refused_p99_ms: float
    health_p99_ms: float
    recovered_s: float

    @property
    def lost(self) -> float:
        """Return the share of the capacity that was lost during the overload."""
        return 1 - self.goodput / self.capacity


def measure(server: Server, seconds: float) -> Outcome:
    """Measure capacity, unloaded latency and overload. Raises RuntimeError if a call is lost."""
    port = server.port
    hold(port, WORK, 1, 1.0, LOAD_CORE)
    most = require_valid(hold(port, WORK, CALLERS, max(4.0, seconds / 10), LOAD_CORE, answer=DONE))
    capacity = most.count(200) / max(answer.due + answer.seconds for answer in most.answers)
    alone = require_valid(send(port, WORK, poisson_times(capacity / 10, seconds / 2, 1), LOAD_CORE))
    times = [
        *poisson_times(FACTOR * capacity, seconds, 2),
        *(seconds + due for due in poisson_times(capacity / 2, AFTER, 3)),
    ]
    health_times = [number / 10 for number in range(int(seconds * 10))]
    with ThreadPoolExecutor() as executor:
        healthy = executor.submit(send, port, HEALTH, health_times, LOAD_CORE)
        result = require_valid(send(port, WORK, times, LOAD_CORE, answer=DONE))
    over = result.between(0, seconds)
    return Outcome(
        capacity,
        percentile_ms(alone, 50),
        percentile_ms(alone, 99),
        len(over.answers) / seconds,
        over.count(200) / seconds,
        percentile_ms(over, 50),
        percentile_ms(over, 99),
        percentile_ms(over.between(2, seconds), 99),
        percentile_ms(over, 99, 503),
        percentile_ms(require_valid(healthy.result()), 99),
        result.recovery_time(seconds, 5 * alone.percentile(99)),
    )


def percentile_ms(result: LoadResult, hundredth: int, status: int = 200) -> float:
    """Return a percentile in milliseconds."""
    return round(result.percentile(hundredth, status) * 1e3, 2)


def require_valid(result: LoadResult) -> LoadResult:
    """Return the result; raise RuntimeError if an answer is neither 200 nor 503."""
    if set(result.statuses()) - {200, 503}:
        raise RuntimeError(f"unexpected answers: {result.statuses()}")
    return result


def source(kind: str) -> str:
    """Return the source of a function."""
    form, before = KINDS[kind]
    return SOURCE.format(kind=form, before=before)


def outcomes(kind: str, seconds: float, rounds: int) -> Iterator[Outcome]:
    """Yield the outcome of each round; each starts a new `neurova run`."""
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(prefix="neurova-bench-") as folder:
            project = Project(Path(folder))
            project.write("functions/bench/work.py", source(kind))
            with running(project.program("run"), SERVER_CORE) as server:
                yield measure(server, seconds)


def main() -> None:
    """Measure each kind of function and write the result."""
    figure = Figure("overload", __doc__)
    seconds = 60.0 if figure.is_full else 10.0
    # A quick run must not use the p99 of all calls: more than 1 % arrive before shedding begins.
    p99 = "served_p99_ms" if figure.is_full else "settled_p99_ms"
    for kind in KINDS:
        results = list(outcomes(kind, seconds, rounds=1))
        print(f"overload, {kind}\n{format_outcomes(results)}")
        figure.parts[kind] = {"seconds": seconds, "rounds": [asdict(one) for one in results]}
        median = {name: statistics.median(getattr(one, name) for one in results) for name in JUDGED}
        figure.judge(f"{kind}: capacity lost", median["lost"], 0.2, "of it")
        figure.judge(f"{kind}: p99 of served", median[p99] / 1e3, 1.5, "s")
        figure.judge(f"{kind}: recovered", median["recovered_s"], 2, "s")
        print(flush=True)
    figure.write()


JUDGED = ("lost", "served_p99_ms", "settled_p99_ms", "recovered_s")


def format_outcomes(results: list[Outcome]) -> str:
    """Return the outcomes as the columns of a table."""
    rows = [(name, *(f"{asdict(one)[name]:.4g}" for one in results)) for name in asdict(results[0])]
    return report.format_table(
        ("", *(f"round {number + 1}" for number in range(len(results)))), rows
    )


if __name__ == "__main__":
    main()
