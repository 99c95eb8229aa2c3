"""Ratios compare rounds in pairs."""

from __future__ import annotations

from bench.rounds import Round, ratios


def rounds(*costs: float) -> list[Round]:
    return [Round(cost, 0.0, 0, 0) for cost in costs]


def test_ratios_compare_rounds_in_pairs() -> None:
    assert ratios(rounds(10, 30), rounds(20, 20)) == [0.5, 1.5]
