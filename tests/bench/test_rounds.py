"""Ratios compare rounds in pairs; medians ignore outliers."""

from __future__ import annotations

import pytest
from bench.rounds import Round, median, ratios


def rounds(*costs: float) -> list[Round]:
    return [Round(cost, 0.0, 0, 0) for cost in costs]


def test_ratios_compare_rounds_in_pairs() -> None:
    assert ratios(rounds(10, 30), rounds(20, 20)) == [0.5, 1.5]


def test_unequal_rounds_are_an_error() -> None:
    with pytest.raises(ValueError, match="zip"):
        ratios(rounds(1), rounds(1, 2))


def test_median_ignores_an_outlier() -> None:
    assert median(rounds(10, 11, 500)) == 11
