"""Our two plugins in both hosts: in process, and in real servers behind a double of Kong."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from neurova_gateway.keys import key as keys
from neurova_gateway.keys.base import KeyRecord
from neurova_gateway.keys.cache import KeyCache
from neurova_gateway.keys.sqlite import SqliteKeyStore
from neurova_gateway.limits.table import LimitTable
from neurova_gateway.plugins.stores import Stores

from .embedded import Embedded
from .kong_double import Kong, Server

PLUGINS = Path(__file__).parents[2] / "plugins"
PRIORITIES = {"neurova-auth": 1250, "neurova-rate-limit": 910}

Settings = Sequence[tuple[str, dict[str, Any]]]
KEYS: dict[str, tuple[str, dict[str, Any]]] = {
    name: (keys.generate(record.get("environment", "test")), record)
    for name, record in {
        "good": {"scopes": frozenset(["a:read", "a:write"])},
        "reader": {"scopes": frozenset(["a:read"])},
        "expired": {"expires_at": 1000.0},
        "revoked": {"revoked_at": 1000.0},
        "live": {"environment": "live"},
        "bound": {"cidrs": ("10.0.0.0/8", "2001:db8::/32")},
        "limited": {"limits": "2/hour"},
        "shared-1": {"consumer": "shared", "consumer_limits": "3/hour"},
        "shared-2": {"consumer": "shared"},
        "monthly": {"quota": 1},
        "free": {"consumer": "free"},
        "unknown": {},
    }.items()
}


def create_state(folder: Path) -> Path:
    """Create a state folder with a key store that contains KEYS."""
    folder.mkdir()
    store = SqliteKeyStore(folder / "keys.db")
    for name, (key, fields) in KEYS.items():
        if name == "unknown":
            continue
        record = {"consumer": f"consumer-{name}", "environment": "test", "scopes": frozenset()}
        record |= fields
        store.add(
            KeyRecord(f"id-{name}", created_at=time.time(), digest=keys.digest(key), **record)
        )
    store.close()
    return folder


@pytest.fixture(scope="session")
def key() -> Callable[[str], str]:
    """Return a function that returns a key by its name in KEYS."""
    return lambda name: KEYS[name][0]


@pytest.fixture(scope="module")
def embedded_stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """Return the key store and limit table of the embedded host."""
    folder = create_state(tmp_path_factory.mktemp("embedded") / "state")
    store, table = SqliteKeyStore(folder / "keys.db"), LimitTable(folder / "limits.table")
    yield Stores(KeyCache(store), table)
    table.close()
    store.close()


@pytest.fixture(scope="module")
def embedded(embedded_stores: Stores) -> Callable[[Settings], Embedded]:
    """Return a function that creates an embedded host with our plugins."""
    return lambda settings: Embedded(PLUGINS, settings, embedded_stores)


@pytest.fixture(scope="module")
def kong_state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the state folder of the plugin servers."""
    return create_state(tmp_path_factory.mktemp("kong") / "state")


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Server]]:
    """Return a function that returns a plugin's own server, started at its first use."""
    prefix = tmp_path_factory.mktemp("prefix")
    started: dict[str, Server] = {}

    def server(name: str) -> Server:
        if name not in started:
            file = PLUGINS / f"{name.replace('-', '_')}.py"
            started[name] = Server([str(file)], prefix, name)
        return started[name]

    yield server
    for running in started.values():
        running.kill()


@pytest.fixture(scope="module")
def kong(
    servers: Callable[[str], Server], kong_state: Path
) -> Iterator[Callable[[Settings], Kong]]:
    """Return a function that creates a double of Kong with our plugins."""
    made: list[Kong] = []
    state = {"state": str(kong_state)}
    ours = {"neurova-auth": state, "neurova-rate-limit": {**state, "guarded": True}}

    def build(settings: Settings) -> Kong:
        made.append(
            Kong(
                [
                    (PRIORITIES[name], name, {**ours[name], **config}, servers(name))
                    for name, config in settings
                ]
            )
        )
        return made[-1]

    yield build
    for one in made:
        one.close()
