"""Choose and train the model, and save it as MLflow does, with a summary of its training data.

The model is chosen on training months only; evaluate.py uses the test months once, to report.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import date
from typing import Any, Literal

import msgspec
import numpy as np
import sklearn
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from neurova.models.base import EXTRA_FILE
from neurova.models.drift import summarise
from neurova.models.flavour import TRUSTED, Extra

from .data import MODEL, TRAIN, VALIDATION, Example, parameters, read


class Candidate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A candidate model: it predicts the rate or its logarithm; `without`: the features it ignores.

    The logarithm may fit better, because the effects of season and room type multiply.
    """

    regressor: Literal["trees", "linear"]
    target: Literal["log", "rate"]
    without: tuple[str, ...] = ()


def fit(candidate: Candidate, examples: Sequence[Example], seed: int) -> Pipeline:
    """Return the trained model of a candidate; it ignores the candidate's `without` features."""
    steps: list[Any] = [DictVectorizer(sparse=False)]
    if candidate.regressor == "trees":
        # The absolute error is robust against the few very high and very low rates. Disable early
        # stopping, which depends on the number of rows, so that both fits of a candidate are alike.
        regressor = HistGradientBoostingRegressor(
            loss="absolute_error", early_stopping=False, random_state=seed
        )
    else:
        steps.append(StandardScaler())
        regressor = Ridge()
    if candidate.target == "log":
        regressor = TransformedTargetRegressor(regressor, func=np.log, inverse_func=np.exp)
    rows = [
        {name: value for name, value in each.features.items() if name not in candidate.without}
        for each in examples
    ]
    return make_pipeline(*steps, regressor).fit(rows, [each.rate for each in examples])


def validate(
    candidates: dict[str, Candidate], examples: Sequence[Example], first: date, seed: int
) -> dict[str, float]:
    """Return the mean absolute error of each candidate on the examples from the day `first` on."""
    earlier = [each for each in examples if each.arrival < first]
    later = [each for each in examples if each.arrival >= first]
    rates = np.array([each.rate for each in later])
    rows = [each.features for each in later]
    return {
        name: round(float(np.abs(fit(each, earlier, seed).predict(rows) - rates).mean()), 4)
        for name, each in candidates.items()
    }


def save(model: Any, rows: list[dict[str, str | float]]) -> None:
    """Save a model with an example and the summary of its training data."""
    import mlflow

    shutil.rmtree(MODEL, ignore_errors=True)
    mlflow.sklearn.save_model(
        model,
        str(MODEL),
        serialization_format="skops",
        skops_trusted_types=list(TRUSTED),
        pip_requirements=[f"scikit-learn=={sklearn.__version__}", "skops"],
    )
    extra = Extra(example=rows[-1], summary=summarise(rows))
    (MODEL / EXTRA_FILE).write_bytes(msgspec.json.encode(extra))


def main() -> None:
    """Choose a candidate, and train it on all examples before the split."""
    options = parameters()["train"]
    candidates = msgspec.convert(options["candidates"], dict[str, Candidate])
    examples, seed = read(TRAIN), options["seed"]
    errors = validate(candidates, examples, date.fromisoformat(options["validation"]), seed)
    chosen = min(errors, key=errors.__getitem__)
    VALIDATION.write_bytes(msgspec.json.encode({"chosen": chosen, "mae": errors}))
    save(fit(candidates[chosen], examples, seed), [each.features for each in examples])


if __name__ == "__main__":
    main()
