"""The committed results as a table in docs/performance.md: `python -m bench.summary` renews it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from math import inf
from pathlib import Path
from typing import Any

from .report import RESULTS

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
HEADING = "## Results\n"


def markdown(results: Iterable[dict[str, Any]]) -> str:
    """Return a table of every goal and what was found, with the machines it was found on."""
    lines = ["| figure | found | goal | |", "|---|---|---|---|"]
    machines = []
    for result in results:
        machine = result["machine"]
        machines.append(
            f"- {result['name']}: {result['date'][:10]}, {machine['cores']} cores of "
            f"{machine['cpu']}, Python {machine['python']}, "
            f"uvicorn {machine['packages']['uvicorn']}, load before it {machine['load'][0]}"
        )
        for goal in result["goals"]:
            said = "met" if goal["met"] else "**missed**"
            what, unit = f"{result['name']}, {goal['what']}", goal["unit"]
            lines.append(f"| {what} | {goal['value']:.4g} {unit} | ≤ {goal['goal']:.4g} | {said} |")
    return "\n".join([*lines, "", *machines, ""])


def results() -> list[dict[str, Any]]:
    """Return the committed results: those with a number in its order, then the others by name."""
    return [json.loads(file.read_text()) for file in sorted(RESULTS.glob("*.json"), key=_place)]


def _place(file: Path) -> tuple[float, str]:
    numbered = re.fullmatch(r"p(\d+)", file.stem)
    return (int(numbered[1]) if numbered else inf), file.stem


def renewed(page: str, found: str) -> str:
    """Return the page with its last section, the results, replaced."""
    head, _, _ = page.partition(HEADING)
    return f"{head}{HEADING}\n{found}"


def main() -> None:
    """Renew the page."""
    PAGE.write_text(renewed(PAGE.read_text(), markdown(results())))


if __name__ == "__main__":
    main()
