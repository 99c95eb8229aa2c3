"""Train the model and save it as MLflow does, with a summary of its training data."""

from __future__ import annotations

import shutil
from typing import Any

import msgspec
import numpy as np
import sklearn
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.feature_extraction import DictVectorizer
from sklearn.pipeline import Pipeline, make_pipeline

from neurova.models.base import EXTRA_FILE
from neurova.models.drift import summarise
from neurova.models.flavour import TRUSTED, Extra

from .data import MODEL, TRAIN, parameters, read


def make_model(learning_rate: float, max_iter: int, min_samples_leaf: int, seed: int) -> Pipeline:
    """Return the untrained model: trees that predict the logarithm of the rate.

    Rates of a season and of room types multiply rather than add. The absolute error is robust
    against the few very high and very low rates.
    """
    trees = HistGradientBoostingRegressor(
        loss="absolute_error",
        learning_rate=learning_rate,
        max_iter=max_iter,
        min_samples_leaf=min_samples_leaf,
        random_state=seed,
    )
    target = TransformedTargetRegressor(trees, func=np.log, inverse_func=np.exp)
    return make_pipeline(DictVectorizer(sparse=False), target)


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
    """Train on all examples before the split."""
    examples = read(TRAIN)
    rows = [each.features for each in examples]
    model = make_model(**parameters()["train"])
    save(model.fit(rows, [each.rate for each in examples]), rows)


if __name__ == "__main__":
    main()
