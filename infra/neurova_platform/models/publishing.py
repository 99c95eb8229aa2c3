"""Write to a model registry with MLflow."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from neurova.errors import NeurovaError, StateError
from neurova.models.base import EXTRA_FILE, MODEL_FILE, ModelVersion, UnknownModel
from neurova.models.flavour import Extra
from neurova.settings.settings import Settings

from ..composition import backends
from ..composition.models import SQLITE, local_file

if TYPE_CHECKING:
    from mlflow import MlflowClient

DATA, CODE = "data", "code"
"""The tags of a version that hold the hashes of its training data and code."""


class Publisher:
    """Register versions and move aliases in the registry that the settings name."""

    def __init__(self, settings: Settings) -> None:
        self.registry = backends.open_models(settings)
        location = settings.models_location
        self._artifacts: Path | None = None  # None: the MLflow server chooses where to store files
        self._uri = str(location)
        if not self._uri.startswith(("http://", "https://")):
            file = local_file(location)
            self._artifacts = file.parent / "artifacts"
            self._uri = f"{SQLITE}{file}"
        self._client = _make_client(self._uri, settings.models.token)

    def register(
        self, name: str, folder: Path, tags: Mapping[str, str], metrics: Mapping[str, float]
    ) -> tuple[ModelVersion, bool]:
        """Register the model that MLflow saved in `folder`; return its version, and whether new.

        If an existing version has the same data and code hashes in its tags, return that version.
        """
        for each in self.registry.versions(name):
            if tags.get(DATA) and all(each.tags.get(key) == tags[key] for key in (DATA, CODE)):
                return each, False
        if not (folder / MODEL_FILE).is_file():
            raise StateError(
                f"has no file {MODEL_FILE}",
                where=str(folder),
                fix="save the model with mlflow.sklearn.save_model(model, folder)",
            )
        run = self._client.create_run(self._experiment(name), run_name=name)
        for metric, value in metrics.items():
            self._client.log_metric(run.info.run_id, metric, value)
        with tempfile.TemporaryDirectory(prefix="neurova-model-") as temporary:
            copy = shutil.copytree(folder, Path(temporary) / "model")
            _add_metrics(copy / EXTRA_FILE, metrics)
            self._client.log_artifacts(run.info.run_id, str(copy), "model")
        self._client.set_terminated(run.info.run_id)
        if name not in self.registry.names():
            self._client.create_registered_model(name)
        source = f"{run.info.artifact_uri}/model"
        made = self._client.create_model_version(
            name, source, run_id=run.info.run_id, tags=dict(tags)
        )
        return self.registry.find(name, str(made.version)), True

    def promote(self, name: str, version: str, alias: str) -> str:
        """Point an alias to a version; return the alias's previous version, "" if it had none.

        The alias `previous-<alias>` then points to the previous version.
        """
        self.registry.find(name, version)  # raises UnknownModel
        before = self.registry.aliases(name).get(alias, "")
        if before and before != version:
            self._client.set_registered_model_alias(name, previous(alias), before)
        self._client.set_registered_model_alias(name, alias, version)
        return before

    def rollback(self, name: str, alias: str) -> str:
        """Point an alias to its previous version again, and return that version."""
        version = self.registry.aliases(name).get(previous(alias))
        if version is None:
            raise UnknownModel(
                f"{name}@{alias} has no previous version",
                fix=f"`neurova model promote {name} VERSION`",
            )
        self.promote(name, version, alias)
        return version

    def _experiment(self, name: str) -> str:
        found = self._client.get_experiment_by_name(name)
        if found is not None:
            return str(found.experiment_id)
        place = (self._artifacts / name).as_uri() if self._artifacts else None
        return str(self._client.create_experiment(name, artifact_location=place))


def previous(alias: str) -> str:
    """Return the name of the alias that points to the previous version of `alias`."""
    return f"previous-{alias}"


def hash_files(files: Iterable[Path]) -> str:
    """Return the hash of the contents of files, in their order. Raises StateError."""
    digest = hashlib.sha256()
    for file in files:
        try:
            digest.update(hashlib.sha256(file.read_bytes()).digest())
        except OSError as error:
            raise StateError(f"cannot be read: {error.strerror}", where=str(file)) from None
    return digest.hexdigest()[:16]


def read_metrics(file: Path) -> dict[str, float]:
    """Return the numbers in a JSON object by name; a nested number is named "outer.inner"."""
    try:
        document = msgspec.json.decode(file.read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.MsgspecError) as error:
        raise StateError(f"cannot be read: {error}", where=str(file)) from None
    return dict(_numbers(document, ""))


def _numbers(document: Mapping[str, Any], prefix: str) -> Iterable[tuple[str, float]]:
    for name, value in document.items():
        if isinstance(value, dict):
            yield from _numbers(value, f"{prefix}{name}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield prefix + name, float(value)


def _add_metrics(file: Path, metrics: Mapping[str, float]) -> None:
    try:
        extra = msgspec.json.decode(file.read_bytes(), type=Extra) if file.exists() else Extra()
    except msgspec.MsgspecError as error:
        raise StateError(f"cannot be read: {error}", where=str(file)) from None
    merged = msgspec.structs.replace(extra, metrics={**extra.metrics, **metrics})
    file.write_bytes(msgspec.json.encode(merged))


def _make_client(uri: str, token: str) -> MlflowClient:
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    if token:
        os.environ["MLFLOW_TRACKING_TOKEN"] = token
    try:
        from mlflow import MlflowClient
    except ImportError:
        raise NeurovaError(
            "MLflow is not installed: it is needed to register and promote models",
            fix="pip install 'neurova-platform[training]'",
        ) from None
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    if uri.startswith(SQLITE):
        with suppress(FileExistsError):
            Path(uri.removeprefix(SQLITE)).parent.mkdir(mode=0o700, parents=True)
    return MlflowClient(tracking_uri=uri, registry_uri=uri)
