"""Write the committed results as a table into docs/performance.md: `python -m bench.summary`."""

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


def format_markdown(results: Iterable[dict[str, Any]]) -> str:
    """Return a table of all goals and values, and the list of machines."""
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
            verdict = "met" if goal["met"] else "**missed**"
            what, unit = f"{result['name']}, {goal['what']}", goal["unit"]
            lines.append(
                f"| {what} | {goal['value']:.4g} {unit} | ≤ {goal['goal']:.4g} | {verdict} |"
            )
    return "\n".join([*lines, "", *machines, ""])


def results() -> list[dict[str, Any]]:
    """Return the committed results: numbered figures in order, then all others by name."""
    return [json.loads(file.read_text()) for file in sorted(RESULTS.glob("*.json"), key=_sort_key)]


def _sort_key(file: Path) -> tuple[float, str]:
    numbered = re.fullmatch(r"p(\d+)", file.stem)
    return (int(numbered[1]) if numbered else inf), file.stem


def replace_results(page: str, results: str) -> str:
    """Replace the results, which are the last section of the page."""
    head, _, _ = page.partition(HEADING)
    return f"{head}{HEADING}\n{results}"


def main() -> None:
    """Update the page."""
    PAGE.write_text(replace_results(PAGE.read_text(), format_markdown(results())))


if __name__ == "__main__":
    main()
