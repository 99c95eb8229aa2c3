"""Results: a table for people, a JSON file that is committed."""

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

from .rounds import Form

RESULTS = Path(__file__).with_name("results")
QUICK = Form(2, 1.0)
PACKAGES = ("uvicorn", "uvloop", "httptools", "msgspec", "starlette", "sqlalchemy", "neurova")


def form(about: str | None) -> tuple[Form, bool]:
    """Read the command line: how long to measure, and whether the result is to be kept."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--quick", action="store_true", help="short rounds, result not kept")
    parser.add_argument("--rounds", type=int, help="rounds for each contender")
    parser.add_argument("--minutes", type=float, help="of a soak")
    given = parser.parse_args()
    chosen = QUICK if given.quick else Form()
    said = {name: getattr(given, name) for name in ("rounds", "minutes") if getattr(given, name)}
    return replace(chosen, **said), not given.quick


def processor(cpuinfo: str) -> str:
    """Return the CPU's model as /proc/cpuinfo names it."""
    for line in cpuinfo.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def machine() -> dict[str, object]:
    """Describe this machine and what runs on it; `load` is that before the measurement."""
    return {
        "cpu": processor(Path("/proc/cpuinfo").read_text()),
        "cores": len(os.sched_getaffinity(0)),
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in PACKAGES},
        "load": [round(value, 2) for value in os.getloadavg()],
    }


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return columns of text, numbers to the right."""
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


def verdict(what: str, value: float, goal: float, unit: str = "x") -> dict[str, object]:
    """State a figure beside its goal (at most `goal`), and say a miss plainly."""
    met = value <= goal
    print(f"{what}: {value:.4g} {unit}, goal ≤ {goal:.4g} {unit}: {'met' if met else 'MISSED'}")
    return {"what": what, "value": round(value, 4), "goal": goal, "unit": unit, "met": met}


def keep(name: str, about: str | None, facts: Mapping[str, object], *, wanted: bool) -> None:
    """Write a result to be committed; `wanted` False: a quick run is no result."""
    if not wanted:
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
