"""POST /quotes/advice with a model, and without one."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from functions.booking.features import SEASON, season_of
from tests.runtime.models.registry import Registry, constant

from neurova.models.base import Reference
from neurova_platform.testing.platform import TestPlatform

STAY = {"room_type": "d", "arrival": "2027-08-10", "nights": 3}
SCOPES = ["booking:read"]


@pytest.fixture
def neurova_project() -> Path:
    return Path(__file__).parents[3]


def test_without_a_model_the_answer_names_the_command(platform: TestPlatform) -> None:
    response = platform.post("/quotes/advice", json=STAY, scopes=SCOPES)
    assert response.status == 503
    assert "neurova model train" in response.json()["detail"]
    assert platform.post("/quote", json=STAY, scopes=SCOPES).status == 200


def test_advice_is_the_predicted_rate_in_cents(platform: TestPlatform) -> None:
    registry = Registry(platform.settings.models_location)  # type: ignore[arg-type]  # a file
    registry.add(1, constant(123.456), name="price-advice")
    registry.promote(1, name="price-advice")
    platform.platform.models.refresh()
    advice = platform.post("/quotes/advice", json=STAY, scopes=SCOPES).json()
    assert (advice["rate"], advice["total"], advice["list_rate"]) == (12346, 37038, 11400)
    chosen = platform.post(
        "/bookings", json={**STAY, "rate": 13000}, scopes=["booking:write", "booking:rate"]
    )
    assert chosen.status == 201
    served = platform.platform.models.find(Reference("price-advice", "champion"))
    served.records.flush()
    truths = platform.settings.state / "logs" / "model_truths.jsonl"
    assert '"value":130.0' in truths.read_text()


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2017, 8, 15), SEASON[7]),
        (date(2017, 1, 15), SEASON[0]),
        (date(2016, 12, 31), (SEASON[11] + SEASON[0]) / 2),
    ],
)
def test_season_lies_between_the_months(day: date, expected: float) -> None:
    assert season_of(day) == pytest.approx(expected, abs=1.0)
