"""Measure a model's input drift and prediction error from its recorded predictions."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from neurova.models.base import ModelVersion
from neurova.models.drift import FeatureDrift, compare
from neurova.models.flavour import Extra
from neurova.models.records import PREDICTIONS, TRUTHS


class Health(NamedTuple):
    """How well a version predicts: `mae` over the `matched` predictions with a known true value.

    `unanswered`: predictions without a value, because no version responded. `fallbacks`:
    predictions by another version, because the requested version failed.
    """

    version: str
    predictions: int
    unanswered: int
    fallbacks: int
    median_ms: float
    matched: int
    mae: float | None
    features: list[FeatureDrift]


def measure(folder: Path, version: ModelVersion, extra: Extra, since: float) -> Health:
    """Return the health of a version, measured from the records in `folder` since a Unix time."""
    rows = list(_read(folder, PREDICTIONS, version.name, since))
    fallbacks = sum(bool(each["fallback"]) for each in rows)
    own = [each for each in rows if each["version"] == version.version]
    answered = [each for each in own if each["value"] is not None]
    errors = _errors(answered, list(_read(folder, TRUTHS, version.name, since)))
    return Health(
        version.version,
        len(own),
        len(own) - len(answered),
        fallbacks,
        statistics.median(each["ms"] for each in own) if own else 0.0,
        len(errors),
        statistics.fmean(errors) if errors else None,
        compare(extra.summary, [each["features"] for each in own]) if extra.summary else [],
    )


def _errors(predictions: Sequence[dict[str, Any]], truths: Sequence[dict[str, Any]]) -> list[float]:
    """Return the absolute errors; compare each true value with the last prediction before it."""
    by_hash: dict[str, list[dict[str, Any]]] = {}
    for each in sorted(predictions, key=lambda each: float(each["time"])):
        by_hash.setdefault(each["inputs_hash"], []).append(each)
    errors = []
    for truth in truths:
        before = [
            each["value"]
            for each in by_hash.get(truth["inputs_hash"], ())
            if each["time"] <= truth["time"]
        ]
        if before:
            errors.append(abs(before[-1] - truth["value"]))
    return errors


def _read(folder: Path, table: str, model: str, since: float) -> Iterator[dict[str, Any]]:
    for file in folder.glob(f"{table}*.jsonl"):
        for line in file.read_bytes().splitlines():
            try:
                row = msgspec.json.decode(line, type=dict[str, Any])
            except msgspec.MsgspecError:  # the disk was full, so the line is incomplete
                continue
            if row.get("model") == model and row.get("time", 0) >= since:
                yield row
