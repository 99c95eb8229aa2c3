"""Ratios are of neighbouring rounds, medians of all."""

from __future__ import annotations

import pytest
from bench.rounds import Round, median, ratios


def rounds(*costs: float) -> list[Round]:
    return [Round(cost, 0.0, 0, 0) for cost in costs]


def test_a_ratio_is_taken_round_by_round() -> None:
    assert ratios(rounds(10, 30), rounds(20, 20)) == [0.5, 1.5]


def test_rounds_that_do_not_pair_are_an_error() -> None:
    with pytest.raises(ValueError, match="zip"):
        ratios(rounds(1), rounds(1, 2))


def test_one_wild_round_does_not_move_the_median() -> None:
    assert median(rounds(10, 11, 500)) == 11
