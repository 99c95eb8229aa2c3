"""Load a version of a scikit-learn model from the files that MLflow stores."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from ..errors import NeurovaError
from .base import EXTRA_FILE, MODEL_FILE, BrokenModel, ModelRegistry, ModelVersion

_SKLEARN = re.compile(r"^  sklearn:\n((?:    .*\n)+)", re.MULTILINE)
_FIELD = re.compile(r"^    (\w+): (.*)$", re.MULTILINE)
# Safe classes of scikit-learn and functions of numpy that skops does not trust by default.
TRUSTED = (
    "numpy.exp",
    "numpy.expm1",
    "numpy.log",
    "numpy.log1p",
    "numpy.sqrt",
    "numpy.square",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
)

Features = Mapping[str, str | float]
"""The values of a model's features, by name."""
Predict = Callable[[Sequence[Features]], Sequence[Any]]


class Extra(msgspec.Struct, frozen=True):
    """The content of the file EXTRA_FILE; each part may be missing.

    `summary` describes the training data, see drift.py. `example`: features to warm the model with.
    """

    example: dict[str, str | float] = {}
    metrics: dict[str, float] = {}
    summary: dict[str, Any] = {}


def load_predict(
    registry: ModelRegistry, version: ModelVersion, trusted: Sequence[str] = ()
) -> Predict:
    """Load a version and return its `predict` function for rows of features.

    `trusted`: further types that its file may contain, like "package.module.Class". Raises
    BrokenModel if it cannot be loaded, and the errors of `ModelRegistry.fetch`.
    """
    text = registry.fetch(version, MODEL_FILE).read_text("utf-8", "replace")
    flavour = _SKLEARN.search(text)
    fields = dict(_FIELD.findall(flavour[1])) if flavour else {}
    name = fields.get("pickled_model", "")
    if not name or PurePosixPath(name).name != name:
        raise _broken(version, "it is not a scikit-learn model that MLflow has stored")
    if fields.get("serialization_format") != "skops":
        raise _broken(
            version,
            "it is stored as a pickle, which can run any code",
            "store it again with serialization_format='skops', MLflow's default",
        )
    predict: Predict = _load_skops(registry.fetch(version, name), version, trusted).predict
    return predict


def load_extra(registry: ModelRegistry, version: ModelVersion) -> Extra:
    """Return the content of a version's EXTRA_FILE, an empty `Extra` if the file is missing.

    Raises Unavailable if the registry does not respond.
    """
    try:
        content = registry.fetch(version, EXTRA_FILE).read_bytes()
    except BrokenModel:  # not registered by `neurova model register`
        return Extra()
    try:
        return msgspec.json.decode(content, type=Extra)
    except msgspec.MsgspecError as error:
        raise _broken(version, f"its {EXTRA_FILE} is damaged: {error}") from None


def _load_skops(path: Path, version: ModelVersion, trusted: Sequence[str]) -> Any:
    # For one row, several OpenMP threads take ten times as long as one.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        import skops.io
    except ImportError:
        raise NeurovaError(
            "scikit-learn and skops are not installed",
            where=str(version),
            fix="pip install 'neurova-platform[models]'",
        ) from None
    allowed = {*TRUSTED, *trusted}
    try:
        unknown = skops.io.get_untrusted_types(file=path)
        refused = sorted(set(unknown) - allowed)
        loaded = None if refused else skops.io.load(path, trusted=unknown)
    except Exception as error:  # a damaged file can raise almost any error
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise _broken(version, f"its file {path.name} is damaged ({reason})") from error
    if refused:
        raise _broken(
            version,
            f"it contains types that are not trusted: {', '.join(refused)}",
            "add them to models.trusted if you know them",
        )
    if not callable(getattr(loaded, "predict", None)):
        raise _broken(version, "it has no method predict")
    return loaded


def _broken(version: ModelVersion, what: str, fix: str = "promote another version") -> BrokenModel:
    return BrokenModel(what, where=str(version), fix=fix)
