"""Compare the model with baselines on months that it has never seen; fail if it is not better.

Baseline "month": the mean rate of the calendar month plus one offset per room type, both computed
from the training months. The training months contain no May or June, so these months get the mean
of all months. Baseline "season": the same, but with the mean of the month's days in the previous
season, which exists for all months. The model must be better than both baselines.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import timedelta
from statistics import fmean
from typing import Any

import msgspec
import numpy as np
import skops.io
from functions.booking.features import season_of

from neurova.models.flavour import TRUSTED

from .data import METRICS, MODEL, TEST, TRAIN, VALIDATION, Example, parameters, read


def fit_baseline(train: Sequence[Example], level: Callable[[Example], float]) -> Any:
    """Return a function that predicts `level` plus the mean offset of the example's room type."""
    offsets: dict[str, list[float]] = defaultdict(list)
    for each in train:
        offsets[str(each.features["room_type"])].append(each.rate - level(each))
    means = {room: fmean(values) for room, values in offsets.items()}
    return lambda each: level(each) + means.get(str(each.features["room_type"]), 0.0)


def month_level(train: Sequence[Example]) -> Callable[[Example], float]:
    """Return a function for the mean rate of an example's month, or of all months if untrained."""
    months: dict[int, list[float]] = defaultdict(list)
    for each in train:
        months[each.arrival.month].append(each.rate)
    means = {month: fmean(values) for month, values in months.items()}
    overall = fmean(each.rate for each in train)
    return lambda each: means.get(each.arrival.month, overall)


def season_level(each: Example) -> float:
    """Return the mean rate of the month's days in the season before the training data."""
    start = each.arrival.replace(day=1)
    days = [start + timedelta(days=n) for n in range(31)]
    return fmean(season_of(day) for day in days if day.month == start.month)


def resample_days(
    days: Sequence[Any], errors: dict[str, Any], resamples: int, seed: int
) -> dict[str, Any]:
    """Return the sums of errors, and the counts, in bootstrap samples of whole days.

    Sampling single bookings would make the intervals too narrow, because bookings that arrive on
    the same day resemble each other.
    """
    unique, index = np.unique(np.array(days), return_inverse=True)
    sums = {name: np.bincount(index, weights=values) for name, values in errors.items()}
    counts = np.bincount(index)
    drawn = np.random.default_rng(seed).integers(len(unique), size=(resamples, len(unique)))
    samples = {name: values[drawn].sum(axis=1) for name, values in sums.items()}
    return {**samples, "count": counts[drawn].sum(axis=1)}


def interval(values: Any) -> list[float]:
    """Return the 95 % interval of bootstrap values."""
    return [round(float(each), 4) for each in np.quantile(values, [0.025, 0.975])]


def evaluate(options: dict[str, Any]) -> dict[str, Any]:
    """Return the metrics."""
    train, test = read(TRAIN), read(TEST)
    model = skops.io.load(MODEL / "model.skops", trusted=list(TRUSTED))
    rates = np.array([each.rate for each in test])
    baselines = {
        "month": fit_baseline(train, month_level(train)),
        "season": fit_baseline(train, season_level),
    }
    errors = {
        name: np.abs(np.array([predict(each) for each in test]) - rates)
        for name, predict in baselines.items()
    }
    best = min(errors, key=lambda name: float(errors[name].mean()))
    errors["model"] = np.abs(model.predict([each.features for each in test]) - rates)
    days = [each.arrival.toordinal() for each in test]
    samples = resample_days(days, errors, options["resamples"], options["seed"])
    months = np.array([each.arrival.month for each in test])
    maes = {name: round(float(values.mean()), 4) for name, values in errors.items()}
    return {
        "validation": msgspec.json.decode(VALIDATION.read_bytes()),
        "rows": len(test),
        "mae": maes["model"],
        "mae_interval": interval(samples["model"] / samples["count"]),
        "baseline": {name: maes[name] for name in baselines},
        "improvement": round(1 - maes["model"] / maes[best], 4),
        "improvement_interval": interval(1 - samples["model"] / samples[best]),
        "mae_by_month": {
            f"{month:02}": round(float(errors["model"][months == month].mean()), 4)
            for month in sorted(set(months.tolist()))
        },
    }


def main() -> None:
    """Write the metrics; exit with an error if the model is not good enough."""
    options = parameters()["evaluate"]
    metrics = evaluate(options)
    METRICS.write_bytes(msgspec.json.format(msgspec.json.encode(metrics), indent=2) + b"\n")
    if metrics["improvement_interval"][0] < options["improvement"]:
        sys.exit(f"not better than the baseline by {options['improvement']:.0%}: see {METRICS}")


if __name__ == "__main__":
    main()
