"""The health of a model version, computed from recorded predictions and true values."""

from __future__ import annotations

from pathlib import Path

import pytest

from neurova.models.base import ModelVersion
from neurova.models.flavour import Extra
from neurova.models.records import PREDICTIONS, FileSink, ModelRecords, Prediction, Truth
from neurova_platform.models.health import measure

VERSION = ModelVersion("price", "2", "", {})


def predict(
    time: float, nights: float, value: float | None, version: str = "2", *, fallback: bool = False
) -> Prediction:
    features = {"nights": nights}
    return Prediction(
        time, "price", "champion", version, features, value, 1.0, fallback, "shop.price", 0
    )


def observe(time: float, nights: float, value: float, model: str = "price") -> Truth:
    return Truth(time, model, {"nights": nights}, value)


def test_live_error_is_that_of_the_last_prediction_before_the_truth(tmp_path: Path) -> None:
    records = ModelRecords([FileSink(tmp_path)])
    for each in (
        predict(10, 1, 999.0),  # before `since`
        predict(20, 1, 100.0),
        predict(30, 1, 110.0),
        observe(40, 1, 113.0),  # error 3 from the prediction at 30
        predict(50, 1, 500.0),  # after the true value
        predict(60, 2, 200.0),
        observe(61, 2, 207.0),  # error 7
        observe(62, 2, 0.0, model="other"),
        observe(63, 3, 300.0),  # has no prediction
        predict(70, 4, None),
        predict(71, 4, 400.0, version="1", fallback=True),
        observe(72, 4, 0.0),  # only the fallback version predicted
    ):
        records.add(each)
    records.flush()
    with (tmp_path / f"{PREDICTIONS}.jsonl").open("a") as file:
        file.write('{"model": "price", "ti')  # a line truncated by a full disk
    health = measure(tmp_path, VERSION, Extra(), since=15)
    assert (health.predictions, health.unanswered, health.fallbacks) == (5, 1, 1)
    assert (health.matched, health.mae) == (2, pytest.approx(5.0))


def test_without_records_the_error_is_unknown(tmp_path: Path) -> None:
    health = measure(tmp_path, VERSION, Extra(), since=0)
    assert (health.predictions, health.matched, health.mae) == (0, 0, None)
