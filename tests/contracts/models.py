"""The model registries under the contract, filled by MLflow."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import mlflow
import msgspec
import pytest
from tests.runtime.models.registry import EXAMPLE, constant

from neurova.models.base import EXTRA_FILE, ModelRegistry
from neurova.models.flavour import Extra
from neurova_platform.composition.backends import open_models
from neurova_platform.models.publishing import Publisher
from neurova_platform.settings.loading import load

PARAMETERS: list[Any] = [  # slow: imports MLflow and creates its database
    pytest.param("local", marks=pytest.mark.server),
    pytest.param("server", marks=pytest.mark.server),
]
NAME = "price"


class Published(NamedTuple):
    """A registry with versions 1 and 2 of NAME; each version predicts its own number."""

    publisher: Publisher
    registry: ModelRegistry
    folders: list[Path]


def save(folder: Path, value: float) -> Path:
    """Save a model like a project's train stage."""
    mlflow.sklearn.save_model(constant(value), str(folder), pip_requirements=["scikit-learn"])
    (folder / EXTRA_FILE).write_bytes(msgspec.json.encode(Extra(example=EXAMPLE)))
    return folder


def publish(request: pytest.FixtureRequest, folder: Path) -> Published:
    """Register two versions in the backend named by the test's parameter."""
    (folder / "neurova.toml").write_text("")
    url = request.getfixturevalue("mlflow_server") if request.param == "server" else None
    flags = {"models.url": url}
    settings = load(folder, environ={}, flags=flags)
    publisher = Publisher(settings)
    folders = [save(folder / f"model{number}", number) for number in (1, 2)]
    for number, each in enumerate(folders, 1):
        publisher.register(NAME, each, {"data": f"d{number}", "code": "c"}, {"mae": number / 2})
    return Published(publisher, open_models(settings), folders)
