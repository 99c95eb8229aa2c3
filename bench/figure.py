"""A figure: measure its parts, compare them with goals, and write them to a file."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict
from typing import NamedTuple

from . import report
from .rounds import Contender, Rounds, measure_interleaved, median, ratios


class Goal(NamedTuple):
    """The goal that `ours` uses at most `most` times the CPU of `other`."""

    ours: str
    other: str
    most: float


class Figure:
    """Collect the measurements of one script; `about` is its docstring."""

    def __init__(self, name: str, about: str | None) -> None:
        self.name = name
        self.about = about
        self.duration, self.is_full = report.parse_options(about)
        self.machine = report.describe_machine()
        self.parts: dict[str, object] = {}
        self.goals: list[dict[str, object]] = []

    def compare(
        self, part: str, contenders: Sequence[Contender], goals: Sequence[Goal], *, pin: bool = True
    ) -> None:
        """Measure contenders in interleaved rounds; compare them with goals only if pinned."""
        rounds = measure_interleaved(contenders, self.duration, pin=pin)
        where = "server on one core, load on the other" if pin else "free"
        print(f"{self.name}, {part} ({where})\n{format_rounds(rounds)}")
        compared: dict[str, list[float]] = {}
        for ours, other, most in goals:
            what = f"{ours} ÷ {other}"
            compared[what] = ratios(rounds[ours], rounds[other])
            value = statistics.median(compared[what])
            if pin:
                self.judge(f"{part}: {what}", value, most)
            else:
                print(f"{part}: {what}: {value:.4g} x")
        print(flush=True)
        self.parts[part] = {
            "pinned": pin,
            "cpu_us": {name: round(median(each), 2) for name, each in rounds.items()},
            "ratio": {what: round(statistics.median(each), 4) for what, each in compared.items()},
            "ratio_rounds": compared,
            "rounds": {name: [asdict(one) for one in each] for name, each in rounds.items()},
        }

    def judge(self, what: str, value: float, goal: float, unit: str = "x") -> None:
        """Print a value with its goal and record it."""
        self.goals.append(report.judge(what, value, goal, unit))

    def record(self, part: str, values: Sequence[float], unit: str) -> None:
        """Print the median of values without a goal, and record them."""
        print(f"{part}: {statistics.median(values):.4g} {unit}")
        self.parts[part] = {"unit": unit, "rounds": [round(value, 3) for value in values]}

    def sample(self, part: str, values: Sequence[float], goal: float, unit: str) -> None:
        """Compare the median of values with its goal."""
        self.record(part, values, unit)
        self.judge(part, statistics.median(values), goal, unit)

    def write(self) -> None:
        """Write the result file."""
        report.write(
            self.name,
            self.about,
            {
                "machine": self.machine,
                "form": asdict(self.duration),
                "goals": self.goals,
                "parts": self.parts,
            },
            is_full=self.is_full,
        )


def format_rounds(rounds: Rounds) -> str:
    """Return a table of the median CPU, rate and latency of each contender."""
    rows = [
        (
            name,
            f"{median(each):.1f}",
            f"{statistics.median(one.per_second for one in each):,.0f}",
            f"{statistics.median(one.p50_us for one in each) / 1000:.2f}",
            f"{statistics.median(one.p99_us for one in each) / 1000:.2f}",
        )
        for name, each in rounds.items()
    ]
    return report.format_table(("", "CPU µs/request", "requests/s", "p50 ms", "p99 ms"), rows)
