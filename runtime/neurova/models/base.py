"""The interface of a registry of models."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

from ..errors import NeurovaError, StateError

_REFERENCE = re.compile(r"([A-Za-z0-9_][A-Za-z0-9_. -]*)@([A-Za-z][A-Za-z0-9_.-]*)")
REFERENCE_FORM = "price-advice@champion"
MODEL_FILE = "MLmodel"
"""The file of a version that describes it, as MLflow writes it."""
EXTRA_FILE = "neurova.json"
"""The file of a version with its example, its metrics and the summary of its training data."""


class UnknownModel(NeurovaError):
    """The registry has no such model, version or alias."""


class BrokenModel(StateError):
    """A version of a model cannot be loaded."""


class Reference(NamedTuple):
    """A model and the alias of one of its versions."""

    name: str
    alias: str

    def __str__(self) -> str:
        return f"{self.name}@{self.alias}"


class ModelVersion(NamedTuple):
    """One version of a model; its content never changes. `place` is the URL of its files."""

    name: str
    version: str
    place: str
    tags: Mapping[str, str]

    def __str__(self) -> str:
        return f"{self.name} version {self.version}"


class ModelRegistry(Protocol):
    """Read an MLflow registry. Methods block.

    Each method raises Unavailable if the registry does not respond, StateError if it cannot be
    used, UnknownModel if it lacks the model, version or alias.
    """

    def resolve(self, reference: Reference) -> ModelVersion:
        """Return the version that an alias names."""
        ...

    def find(self, name: str, version: str) -> ModelVersion:
        """Return a version."""
        ...

    def aliases(self, name: str) -> dict[str, str]:
        """Return the version of each alias of a model."""
        ...

    def versions(self, name: str) -> list[ModelVersion]:
        """Return the versions of a model, oldest first; none if it is not registered."""
        ...

    def names(self) -> list[str]:
        """Return the names of all models."""
        ...

    def fetch(self, version: ModelVersion, file: str) -> Path:
        """Return the path of a local copy of a file of the version.

        Raises BrokenModel if the version has no such file.
        """
        ...


def parse_model_reference(text: str) -> Reference:
    """Parse a reference `name@alias`. Raises ValueError for any other text."""
    match = _REFERENCE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} does not name a model: write one like {REFERENCE_FORM}")
    return Reference(match[1], match[2])


def missing_alias(reference: Reference) -> UnknownModel:
    """Return the error for an alias that no version has."""
    return UnknownModel(
        f"no version of {reference.name} has the alias {reference.alias}",
        fix=f"`neurova model promote {reference.name} VERSION --alias {reference.alias}`",
    )
