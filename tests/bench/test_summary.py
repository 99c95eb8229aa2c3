"""The page shows the committed results and marks missed goals."""

from __future__ import annotations

from typing import Any

from bench import summary
from bench.rounds import Round, ratios

RESULT: dict[str, Any] = {
    "name": "p1",
    "date": "2030-01-02T03:04:05+00:00",
    "machine": {"cores": 2, "cpu": "C", "python": "3", "packages": {"uvicorn": "1"}, "load": [0]},
    "goals": [
        {"what": "a ÷ b", "value": 1.2, "goal": 1.15, "unit": "x", "met": False},
        {"what": "a ÷ c", "value": 0.04, "goal": 0.05, "unit": "x", "met": True},
    ],
}


def test_missed_goal_is_shown() -> None:
    lines = summary.format_markdown([RESULT]).splitlines()
    assert "| p1, a ÷ b | 1.2 x | ≤ 1.15 | **missed** |" in lines
    assert "| p1, a ÷ c | 0.04 x | ≤ 0.05 | met |" in lines


def test_only_the_results_section_is_replaced() -> None:
    page = f"# Title\n\ntext\n\n{summary.HEADING}\nold\n"
    assert summary.replace_results(page, "new\n") == f"# Title\n\ntext\n\n{summary.HEADING}\nnew\n"


def test_page_shows_the_committed_results() -> None:
    """If this fails, run `python -m bench.summary`."""
    page = summary.PAGE.read_text()
    assert summary.replace_results(page, summary.format_markdown(summary.results())) == page


def test_ratios_compare_rounds_in_pairs() -> None:
    first, second = ([Round(cost, 0.0, 0, 0) for cost in costs] for costs in ((10, 30), (20, 20)))
    assert ratios(first, second) == [0.5, 1.5]
