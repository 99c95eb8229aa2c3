"""Open and check the backends of the registry of models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from neurova.models.records import PREDICTIONS, TRUTHS, RecordSink
from neurova.settings.settings import Settings

if TYPE_CHECKING:  # not imported at run time: most projects have no models
    from neurova.models.base import ModelRegistry

SQLITE = "sqlite:///"


def open_local(location: Path | str, settings: Settings) -> ModelRegistry:
    """Return the registry in an SQLite file, given as path or as URL."""
    from neurova.models.local import LocalRegistry

    return LocalRegistry(local_file(location))


def open_server(url: str, settings: Settings) -> ModelRegistry:
    """Return the registry of an MLflow server."""
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
    """Return what is wrong with the URL of a server, "" if nothing is."""
    try:
        parts = urlsplit(url)
        is_valid = bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_valid = False
    return "" if is_valid else "is not the URL of a server: write one like http://127.0.0.1:5000"


def find_local_fault(url: str) -> str:
    """Return what is wrong with the URL of a file, "" if nothing is."""
    if not url.startswith(SQLITE) or len(url) == len(SQLITE):
        return "is not the URL of a file: write one like sqlite:////data/mlflow.db"
    return ""


def local_file(location: Path | str) -> Path:
    """Return the file of a local registry, given as path or as URL."""
    return location if isinstance(location, Path) else Path(location.removeprefix(SQLITE))


def record_sinks(settings: Settings) -> list[RecordSink]:
    """Return what receives the records of models besides the file in the state folder."""
    return [WarehouseSink(settings)] if settings.warehouse.enabled else []


class WarehouseSink:
    """Pass records of models to the process that writes the warehouse; a `RecordSink`."""

    def __init__(self, settings: Settings) -> None:
        from neurova.warehouse.base import Column, Table

        from . import warehouses

        self._spool = warehouses.make_spool(settings)
        # The features are for drift, which is measured from the file of records.
        self._tables = {
            PREDICTIONS: Table(
                PREDICTIONS,
                (
                    Column("model", "text"),
                    Column("alias", "text"),
                    Column("version", "text"),
                    Column("inputs_hash", "text"),
                    Column("value", "double"),
                    Column("ms", "double"),
                    Column("fallback", "boolean"),
                    Column("function", "text"),
                ),
            ),
            TRUTHS: Table(
                TRUTHS,
                (
                    Column("model", "text"),
                    Column("inputs_hash", "text"),
                    Column("value", "double"),
                ),
            ),
        }

    def record(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append rows to the spool. Raises OSError if it is full."""
        stored = self._tables[table]
        self._spool.record(
            stored,
            [
                (
                    row["time"],
                    row.get("trace_id", ""),
                    *(row[column.name] for column in stored.columns),
                )
                for row in rows
            ],
        )


def _count(place: str, registry: ModelRegistry) -> str:
    names = registry.names()
    without = "" if find_spec("skops") else "; skops is not installed, so none can be served"
    aliases = [f"{name}@{alias}" for name in names for alias in registry.aliases(name)]
    return f"{place}: {len(names)} models; {', '.join(aliases) or 'no aliases'}{without}"
