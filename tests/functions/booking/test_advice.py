"""POST /quotes/advice, with and without a model."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

import pytest
from examples.replay.hotel import rows
from functions.booking.features import season_of
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


def test_without_scikit_learn_only_advice_answers_503(
    neurova_project: Path,
    neurova_databases: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    folder = tmp_path / ".neurova"
    registry = Registry(folder / "models" / "mlflow.db")
    registry.add(1, constant(1.0), name="price-advice")
    registry.promote(1, name="price-advice")
    for name in ("sklearn", "skops"):
        monkeypatch.setitem(sys.modules, name, None)  # importing it raises ImportError
    with TestPlatform(neurova_project, folder, neurova_databases) as platform:
        assert platform.settings.models_location == registry.path
        platform.platform.models.refresh()
        response = platform.post("/quotes/advice", json=STAY, scopes=SCOPES)
        assert response.status == 503
        assert "neurova doctor" in response.json()["detail"]
        assert platform.post("/quote", json=STAY, scopes=SCOPES).status == 200
    assert "pip install 'neurova-platform[models]'" in caplog.text


def test_season_is_the_historical_rate_of_each_row() -> None:
    """The rate depends on the calendar day only, so months in the test data add nothing."""
    for row in rows():
        season = season_of(date.fromisoformat(row["arrival_date"]))
        assert season == round(float(row["historical_adr"]), 1)
