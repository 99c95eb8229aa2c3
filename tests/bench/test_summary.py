"""The page shows the committed results, misses too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench import summary

RESULT: dict[str, Any] = {
    "name": "p1",
    "date": "2030-01-02T03:04:05+00:00",
    "machine": {
        "cores": 2,
        "cpu": "CPU",
        "python": "3.11",
        "packages": {"uvicorn": "1"},
        "load": [0.1, 0, 0],
    },
    "goals": [
        {"what": "a ÷ b", "value": 1.2, "goal": 1.15, "unit": "x", "met": False},
        {"what": "a ÷ c", "value": 0.04, "goal": 0.05, "unit": "x", "met": True},
    ],
}


def test_a_miss_is_shown_as_one() -> None:
    lines = summary.markdown([RESULT]).splitlines()
    assert "| p1, a ÷ b | 1.2 x | ≤ 1.15 | **missed** |" in lines
    assert "| p1, a ÷ c | 0.04 x | ≤ 0.05 | met |" in lines


def test_results_with_a_number_come_first_in_its_order() -> None:
    files = [Path(name) for name in ("soak.json", "p11.json", "overload.json", "p2.json")]
    assert [file.stem for file in sorted(files, key=summary._place)] == [
        "p2", "p11", "overload", "soak",
    ]  # fmt: skip


def test_the_day_and_the_machine_are_named() -> None:
    assert "- p1: 2030-01-02, 2 cores of CPU, Python 3.11" in summary.markdown([RESULT])


def test_only_the_results_of_the_page_are_replaced() -> None:
    page = f"# Title\n\ntext\n\n{summary.HEADING}\nold\n"
    assert summary.renewed(page, "new\n") == f"# Title\n\ntext\n\n{summary.HEADING}\nnew\n"


def test_the_page_is_that_of_the_committed_results() -> None:
    """Run `python -m bench.summary` when this fails."""
    page = summary.PAGE.read_text()
    assert summary.renewed(page, summary.markdown(summary.results())) == page
