"""Overload: five times what one worker on one core can serve, for a minute, from the other core.

Functions that compute for 5 ms: at once, after a wait of 10 ms, as a plain `def`. Goals: at most
20 % of capacity lost; p99 of what is served at most 5 x the median alone; recovered in 2 s.
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
from .openloop import Seen, hold, poisson, send
from .project import Project
from .rounds import LOAD_CORE, SERVER_CORE
from .servers import Server, running

TIMES = 5
CALLERS = 8  # that ask again at once: what they get is the capacity
AFTER = 5.0  # seconds of half the capacity, to see the recovery
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
    """What came of one overload; rates a second, the others in ms or seconds as they say."""

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
        """Return the share of the capacity that did not serve."""
        return 1 - self.goodput / self.capacity


def measure(server: Server, seconds: float) -> Outcome:
    """Measure capacity, a call alone, then the overload; raises RuntimeError for broken calls."""
    port = server.port
    hold(port, WORK, 1, 1.0, LOAD_CORE)
    most = sound(hold(port, WORK, CALLERS, max(4.0, seconds / 10), LOAD_CORE, answer=DONE))
    capacity = most.count(200) / max(answer.due + answer.seconds for answer in most.answers)
    alone = sound(send(port, WORK, poisson(capacity / 10, seconds / 2, 1), LOAD_CORE))
    times = [
        *poisson(TIMES * capacity, seconds, 2),
        *(seconds + due for due in poisson(capacity / 2, AFTER, 3)),
    ]
    asked = [number / 10 for number in range(int(seconds * 10))]
    with ThreadPoolExecutor() as beside:
        healthy = beside.submit(send, port, HEALTH, asked, LOAD_CORE)
        seen = sound(send(port, WORK, times, LOAD_CORE, answer=DONE))
    over = seen.between(0, seconds)
    return Outcome(
        capacity,
        ms(alone, 50),
        ms(alone, 99),
        len(over.answers) / seconds,
        over.count(200) / seconds,
        ms(over, 50),
        ms(over, 99),
        ms(over.between(2, seconds), 99),
        ms(over, 99, 503),
        ms(sound(healthy.result()), 99),
        seen.recovered(seconds, 5 * alone.percentile(99)),
    )


def ms(seen: Seen, hundredth: int, status: int = 200) -> float:
    """Return a percentile in milliseconds."""
    return round(seen.percentile(hundredth, status) * 1e3, 2)


def sound(seen: Seen) -> Seen:
    """Return what was seen; raises RuntimeError when a call got neither 200 nor 503."""
    if set(seen.statuses()) - {200, 503}:
        raise RuntimeError(f"no sound answers: {seen.statuses()}")
    return seen


def source(kind: str) -> str:
    """Return the function's file."""
    form, before = KINDS[kind]
    return SOURCE.format(kind=form, before=before)


def outcomes(kind: str, seconds: float, rounds: int) -> Iterator[Outcome]:
    """Yield the outcome of each round, with a fresh `neurova run` each."""
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(prefix="neurova-bench-") as folder:
            project = Project(Path(folder))
            project.write("functions/bench/work.py", source(kind))
            with running(project.program("run"), SERVER_CORE) as server:
                yield measure(server, seconds)


def main() -> None:
    """Measure each kind and keep the result."""
    figure = Figure("overload", __doc__)
    seconds, rounds = (60.0, 1) if figure.wanted else (10.0, 1)
    # The first calls, which nobody had reason to refuse, are more than a hundredth of ten seconds'.
    p99 = "served_p99_ms" if figure.wanted else "settled_p99_ms"
    for kind in KINDS:
        found = list(outcomes(kind, seconds, rounds))
        print(f"overload, {kind}\n{shown(found)}")
        figure.parts[kind] = {"seconds": seconds, "rounds": [asdict(one) for one in found]}
        median = {name: statistics.median(getattr(one, name) for one in found) for name in JUDGED}
        figure.judge(f"{kind}: capacity lost", median["lost"], 0.2, "of it")
        ratio = median[p99] / median["alone_ms"]
        figure.judge(f"{kind}: p99 of served ÷ median alone", ratio, 5)
        figure.judge(f"{kind}: recovered", median["recovered_s"], 2, "s")
        print(flush=True)
    figure.keep()


JUDGED = ("lost", "served_p99_ms", "settled_p99_ms", "alone_ms", "recovered_s")


def shown(found: list[Outcome]) -> str:
    """Return the outcomes as a table, one to a column."""
    rows = [(name, *(f"{asdict(one)[name]:.4g}" for one in found)) for name in asdict(found[0])]
    return report.table(("", *(f"round {number + 1}" for number in range(len(found)))), rows)


if __name__ == "__main__":
    main()
