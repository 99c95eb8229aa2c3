"""A figure prints medians."""

from __future__ import annotations

from bench.figure import format_rounds
from bench.rounds import Round


def test_table_shows_medians() -> None:
    rounds = {"raw": [Round(10, 1000, 500, 900), Round(12, 3000, 700, 1000), Round(99, 9, 9, 9)]}
    assert format_rounds(rounds).splitlines()[-1].split() == [
        "raw",
        "12.0",
        "1,000",
        "0.50",
        "0.90",
    ]
