"""Read MLflow's registry in an SQLite file, and model files on this machine."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from ..errors import StateError
from ..files.sqlite_file import translate_sqlite_error
from .base import BrokenModel, ModelVersion, Reference, UnknownModel, missing_alias

_COLUMNS = "v.name, v.version, coalesce(v.storage_location, v.source)"
_SELECT = f"SELECT {_COLUMNS} FROM model_versions v"  # noqa: S608 - a constant
_BY_ALIAS = (
    f"SELECT {_COLUMNS} FROM registered_model_aliases a JOIN model_versions v "  # noqa: S608 - a constant
    "ON v.name = a.name AND v.version = a.version WHERE a.name = ? AND a.alias = ?"
)
_READY = "v.current_stage IS NOT 'Deleted_Internal'"  # MLflow marks deleted versions


class LocalRegistry:
    """Read the registry that MLflow keeps in the SQLite file `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def resolve(self, reference: Reference) -> ModelVersion:
        """Return the version that an alias names."""
        found = self._versions(_BY_ALIAS, reference)
        if not found:
            raise missing_alias(reference)
        return found[0]

    def find(self, name: str, version: str) -> ModelVersion:
        """Return a version."""
        query = f"{_SELECT} WHERE v.name = ? AND v.version = ? AND {_READY}"
        found = self._versions(query, (name, version))
        if not found:
            raise UnknownModel(f"{name} has no version {version}", where=str(self.path))
        return found[0]

    def aliases(self, name: str) -> dict[str, str]:
        """Return the version of each alias of a model."""
        query = "SELECT alias, version FROM registered_model_aliases WHERE name = ?"
        return {alias: str(version) for alias, version in self._query(query, (name,))}

    def versions(self, name: str) -> list[ModelVersion]:
        """Return the versions of a model, oldest first; none if it is not registered."""
        return self._versions(f"{_SELECT} WHERE v.name = ? AND {_READY} ORDER BY version", (name,))

    def names(self) -> list[str]:
        """Return the names of all models."""
        return [name for (name,) in self._query("SELECT name FROM registered_models ORDER BY name")]

    def fetch(self, version: ModelVersion, file: str) -> Path:
        """Return the path of a file of the version."""
        url = urlsplit(version.place)
        if url.scheme not in ("", "file"):
            raise BrokenModel(
                f"its files are at {url.scheme}://, which only an MLflow server can read",
                where=str(version),
                fix="set models.url to the server",
            )
        path = Path(unquote(url.path)) / file
        if not path.is_file():
            raise BrokenModel(
                f"the file {path} is missing",
                where=str(version),
                fix="restore it, or promote another version",
            )
        return path

    def _versions(self, query: str, values: Sequence[str]) -> list[ModelVersion]:
        tags = "SELECT key, value FROM model_version_tags WHERE name = ? AND version = ?"
        return [
            ModelVersion(name, str(version), place, dict(self._query(tags, (name, version))))
            for name, version, place in self._query(query, values)
        ]

    def _query(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        if not self.path.exists():
            return []
        try:
            uri = f"{self.path.resolve().as_uri()}?mode=ro"
            with closing(sqlite3.connect(uri, uri=True, timeout=5)) as connection:
                return connection.execute(query, values).fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" not in str(error):
                raise translate_sqlite_error(error, self.path) from error
            raise StateError(
                "is not a registry of MLflow", where=str(self.path), fix="correct models.url"
            ) from error
        except sqlite3.Error as error:
            raise translate_sqlite_error(error, self.path) from error
