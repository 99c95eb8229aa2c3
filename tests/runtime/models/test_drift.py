"""Drift figures against known values and scipy."""

from __future__ import annotations

import math
import random

import pytest
from scipy.stats import ks_2samp

from neurova.models.drift import MIN_ROWS, compare, summarise

RANDOM = random.Random(7)
TRAIN = [
    {"size": RANDOM.gauss(0, 1), "nights": float(RANDOM.randint(1, 3)), "room": RANDOM.choice("ab")}
    for _ in range(4000)
]


def live(shift: float = 0.0, room: str = "ab", rows: int = 1000) -> list[dict[str, str | float]]:
    return [
        {"size": RANDOM.gauss(shift, 1), "nights": 2.0 + shift, "room": RANDOM.choice(room)}
        for _ in range(rows)
    ]


@pytest.mark.parametrize(("shift", "verdict"), [(0.0, "ok"), (0.4, "watch"), (1.5, "drift")])
def test_shift_of_numbers_is_found(shift: float, verdict: str) -> None:
    rows = live(shift)
    [size] = [each for each in compare(summarise(TRAIN), rows) if each.feature == "size"]
    expected = ks_2samp([row["size"] for row in TRAIN], [row["size"] for row in rows])
    assert size.verdict == verdict
    assert size.ks == pytest.approx(expected.statistic, abs=0.025)
    assert size.p_value is not None
    assert (size.p_value < 0.001) == (expected.pvalue < 0.001)


def test_psi_of_texts_is_that_of_the_formula() -> None:
    train = [{"room": "a"}] * 600 + [{"room": "b"}] * 400
    rows: list[dict[str, str | float]] = [{"room": "a"}] * 300 + [{"room": "b"}] * 700
    [room] = compare(summarise(train), rows)
    assert room.psi == pytest.approx(0.3 * math.log(0.7 / 0.4) - 0.3 * math.log(0.3 / 0.6))
    assert room.ks is None


def test_unknown_text_and_changed_number_of_few_values_are_drift() -> None:
    verdicts = {each.feature: each.verdict for each in compare(summarise(TRAIN), live(room="cd"))}
    assert verdicts == {"size": "ok", "nights": "drift", "room": "drift"}


def test_few_rows_and_none_are_no_drift() -> None:
    summary = summarise(TRAIN)
    for rows in (live(2.0, rows=MIN_ROWS - 1), []):
        assert {each.verdict for each in compare(summary, rows)} == {"too few rows"}
    assert compare({}, live()) == []
