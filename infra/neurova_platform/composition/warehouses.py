"""Open and check the backends of the warehouse, and create its policy and operations."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from neurova.errors import ConfigError, Unavailable
from neurova.files.private import load_or_create_secret
from neurova.server_url import split_server_url
from neurova.settings.settings import Settings
from neurova.settings.warehouse import Warehouse as Options

from . import backends, state

if TYPE_CHECKING:
    from neurova.warehouse.base import Warehouse
    from neurova.warehouse.operations import LocalOperations, Operations
    from neurova.warehouse.sink import Policy

PII_KEY = "pii.key"
"""The file in the state folder with the key that hashes personal values; it is never archived."""
SOCKET = "socket"


def open_duckdb(path: Path, options: Options, archive: Path, readonly: bool) -> Warehouse:
    """Return the embedded warehouse in a file."""
    if find_spec("duckdb") is None:
        raise ConfigError(
            "DuckDB is not installed",
            where="warehouse.enabled",
            fix="run `pip install 'neurova-platform[warehouse]'`",
        )
    from neurova.warehouse.duckdb import DuckDBWarehouse

    return DuckDBWarehouse(path, archive, options.memory, readonly=readonly)


def check_duckdb(path: Path, options: Options, archive: Path) -> str:
    """Return one line about the state of the embedded warehouse."""
    if not path.exists():
        return f"{path}: not created yet"
    try:
        warehouse = open_duckdb(path, options, archive, True)
    except Unavailable:
        return f"{path}: in use by the process that writes it"
    try:
        return f"{path}: {len(warehouse.tables())} tables"
    finally:
        warehouse.close()


def make_policy(settings: Settings) -> Policy:
    """Return the policy for values that identify a person."""
    from neurova.warehouse.sink import Policy

    key = load_or_create_secret(settings.state / PII_KEY, lambda: secrets.token_bytes(32))
    return Policy(settings.warehouse.pii, key)


def make_operations(settings: Settings, warehouse: Warehouse) -> LocalOperations:
    """Return the operations on an open warehouse."""
    from neurova.warehouse.archive import Archive
    from neurova.warehouse.base import Limits
    from neurova.warehouse.operations import LocalOperations

    options = settings.warehouse
    limits = Limits(options.timeout, options.memory)
    archive = Archive(settings.warehouse_archive)
    return LocalOperations(warehouse, archive, lambda: make_policy(settings), limits)


def remote(settings: Settings) -> Operations:
    """Return operations that call the process that writes the warehouse."""
    from neurova.warehouse.socket import RemoteOperations

    path = settings.state / "warehouse" / SOCKET
    return RemoteOperations(path, settings.warehouse.timeout)


@contextmanager
def operations(settings: Settings, *, readonly: bool = True) -> Iterator[Operations]:
    """Yield operations that call the writing process, or local ones if no such process runs.

    Raises ConfigError if the warehouse is disabled.
    """
    if not settings.warehouse.enabled:
        raise ConfigError(
            "the warehouse is off",
            where="neurova.toml",
            fix="write `enabled = true` below [warehouse]",
        )
    state.prepare(settings.state)
    from neurova.warehouse.socket import is_served

    if is_served(settings.state / "warehouse" / SOCKET):
        yield remote(settings)
        return
    location = settings.warehouse_location
    is_new = isinstance(location, Path) and not location.exists()
    warehouse = backends.open_warehouse(settings, readonly=readonly and not is_new)
    try:
        yield make_operations(settings, warehouse)
    finally:
        warehouse.close()


def open_clickhouse(url: str, options: Options, archive: Path, readonly: bool) -> Warehouse:
    """Return the warehouse on ClickHouse; it connects on first use."""
    from neurova.warehouse.clickhouse import ClickHouseWarehouse

    return ClickHouseWarehouse(url)


def check_clickhouse(url: str, options: Options, archive: Path) -> str:
    """Return one line about the state of ClickHouse."""
    from neurova.warehouse.clickhouse import ClickHouseWarehouse

    warehouse = ClickHouseWarehouse(url)
    try:
        version = warehouse.check()
        return f"ClickHouse {version} at {urlsplit(url).hostname}: {len(warehouse.tables())} tables"
    finally:
        warehouse.close()


def find_clickhouse_fault(url: str) -> str:
    """Return the error in a ClickHouse URL and its fix, never showing the URL itself."""
    parts = split_server_url(url)
    if parts is None or "/" in parts.path[1:]:
        return "is not a URL of ClickHouse: write clickhouse://user@host:8123/name"
    if find_spec("clickhouse_connect") is None:
        return "needs its client: run `pip install 'neurova-platform[clickhouse]'`"
    return ""
