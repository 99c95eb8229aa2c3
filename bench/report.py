"""Parse the command line, print tables, and write the committed JSON result files."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from .rounds import Duration

RESULTS = Path(__file__).with_name("results")
QUICK = Duration(2, 1.0)
PACKAGES = (
    "uvicorn",
    "uvloop",
    "httptools",
    "msgspec",
    "starlette",
    "sqlalchemy",
    "neurova-platform",
)


def parse_options(about: str | None) -> tuple[Duration, bool]:
    """Parse the command line; return the duration and whether to write the result."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--quick", action="store_true", help="short rounds, no result file")
    parser.add_argument("--rounds", type=int, help="rounds for each contender")
    parser.add_argument("--minutes", type=float, help="of a soak")
    options = parser.parse_args()
    chosen = QUICK if options.quick else Duration()
    changes = {
        name: getattr(options, name) for name in ("rounds", "minutes") if getattr(options, name)
    }
    return replace(chosen, **changes), not options.quick


def cpu_model(cpuinfo: str) -> str:
    """Return the CPU model from the text of /proc/cpuinfo."""
    for line in cpuinfo.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def describe_machine() -> dict[str, object]:
    """Describe the machine and its software; `load` is the load before the measurement."""
    return {
        "cpu": cpu_model(Path("/proc/cpuinfo").read_text()),
        "cores": len(os.sched_getaffinity(0)),
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in PACKAGES},
        "load": [round(value, 2) for value in os.getloadavg()],
    }


def format_table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a table with numbers aligned to the right."""
    cells = [list(map(str, row)) for row in [head, *rows]]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if not index else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def judge(what: str, value: float, goal: float, unit: str = "x") -> dict[str, object]:
    """Print and return a value with its goal; the value may be at most the goal."""
    met = value <= goal
    print(f"{what}: {value:.4g} {unit}, goal ≤ {goal:.4g} {unit}: {'met' if met else 'MISSED'}")
    return {"what": what, "value": round(value, 4), "goal": goal, "unit": unit, "met": met}


def write(name: str, about: str | None, facts: Mapping[str, object], *, is_full: bool) -> None:
    """Write a result file, unless `is_full` is False (a quick run)."""
    if not is_full:
        print("quick: not written", file=sys.stderr)
        return
    RESULTS.mkdir(exist_ok=True)
    content = {
        "name": name,
        "about": (about or "").splitlines()[0],
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        **facts,
    }
    place = RESULTS / f"{name}.json"
    place.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    print(f"written: {place}", file=sys.stderr)
