"""Open and check the backends of the model registry."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from neurova.server_url import split_server_url
from neurova.settings.settings import Settings

if TYPE_CHECKING:  # not imported at run time: most projects have no models
    from neurova.models.base import ModelRegistry

SQLITE = "sqlite:///"


def open_local(location: Path | str, settings: Settings) -> ModelRegistry:
    """Return the model registry in an SQLite file; `location` is a path or a URL."""
    from neurova.models.local import LocalRegistry

    return LocalRegistry(local_file(location))


def open_server(url: str, settings: Settings) -> ModelRegistry:
    """Return the model registry of an MLflow server."""
    from neurova.models.server import ServerRegistry

    return ServerRegistry(url, settings.state / "models" / "cache", settings.models.token)


def check_local(location: Path | str, settings: Settings) -> str:
    """Return one line about the registry in a file."""
    file = local_file(location)
    return _count(str(file), open_local(file, settings)) if file.exists() else f"{file}: no models"


def check_server(url: str, settings: Settings) -> str:
    """Return one line about the registry of an MLflow server."""
    from neurova.models.server import without_password

    return _count(without_password(url), open_server(url, settings))


def find_server_fault(url: str) -> str:
    """Return the error in the URL of an MLflow server, "" if it is valid."""
    return (
        ""
        if split_server_url(url)
        else "is not the URL of a server: write one like http://127.0.0.1:5000"
    )


def find_local_fault(url: str) -> str:
    """Return the error in the URL of an SQLite file, "" if it is valid."""
    if not url.startswith(SQLITE) or len(url) == len(SQLITE):
        return "is not the URL of a file: write one like sqlite:////data/mlflow.db"
    return ""


def local_file(location: Path | str) -> Path:
    """Return the file of a local registry; `location` is a path or a URL."""
    return location if isinstance(location, Path) else Path(location.removeprefix(SQLITE))


def _count(place: str, registry: ModelRegistry) -> str:
    names = registry.names()
    without = "" if find_spec("skops") else "; skops is not installed, so none can be served"
    aliases = [f"{name}@{alias}" for name in names for alias in registry.aliases(name)]
    return f"{place}: {len(names)} models; {', '.join(aliases) or 'no aliases'}{without}"
