"""A registry with MLflow's file layout, written without MLflow, which is slow to import.

tests/contracts/test_models.py shows that the files of the real MLflow read the same.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import skops.io
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

LAYOUT = """
CREATE TABLE registered_models (name TEXT);
CREATE TABLE registered_model_aliases (alias TEXT, version INTEGER, name TEXT);
CREATE TABLE model_version_tags (key TEXT, value TEXT, name TEXT, version INTEGER);
CREATE TABLE model_versions (
  name TEXT, version INTEGER, source TEXT, storage_location TEXT, current_stage TEXT
);
"""
MLMODEL = """flavors:
  sklearn:
    code: null
    pickled_model: model.skops
    serialization_format: skops
"""
EXAMPLE = {"nights": 2.0}


def constant(value: float) -> Any:
    """Return a trained model that predicts `value` for all features."""
    return make_pipeline(DictVectorizer(), LinearRegression()).fit([EXAMPLE, {}], [value, value])


class Registry:
    """Add versions of models, and move aliases."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        with self._connect() as connection:
            connection.executescript(LAYOUT)

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path)

    def add(
        self, version: int, model: Any = None, *, mlmodel: str = MLMODEL, name: str = "price"
    ) -> Path:
        """Add a version, which by default predicts its own number; return its folder."""
        folder = self.path.parent / "artifacts" / str(version)
        folder.mkdir(parents=True)
        (folder / "MLmodel").write_text(mlmodel)
        (folder / "neurova.json").write_text('{"example": {"nights": 2.0}}')
        skops.io.dump(constant(version) if model is None else model, folder / "model.skops")
        with self._connect() as connection:
            values = (name, version, str(folder), None, None)
            connection.execute("INSERT INTO model_versions VALUES (?, ?, ?, ?, ?)", values)
        return folder

    def promote(self, version: int, alias: str = "champion", name: str = "price") -> None:
        """Point an alias at a version."""
        with self._connect() as connection:
            connection.execute("DELETE FROM registered_model_aliases WHERE alias = ?", (alias,))
            values = (alias, version, name)
            connection.execute("INSERT INTO registered_model_aliases VALUES (?, ?, ?)", values)
