"""The stores that plugins use. The host that runs a plugin opens them and passes them on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import msgspec

from neurova.errors import ConfigError, Unavailable

from ..keys.cache import KeyCache
from ..keys.factory import key_store_url, open_key_store
from ..limits.base import Limiter
from ..limits.factory import limiter_url, open_limiter

SETTING = "state"  # a plugin with this name in its Schema is passed stores
BOUND = "__stores__"  # the config entry that holds them
_FLUSH_SECONDS = 5.0


class PluginStores(Protocol):
    """Keys, limits, and the clock (Unix seconds) by which both are read."""

    @property
    def keys(self) -> KeyCache:
        """Return the cache in front of the key store."""

    @property
    def limiter(self) -> Limiter:
        """Return the rate limiter."""

    @property
    def clock(self) -> Callable[[], float]:
        """Return the clock."""


class Stores(msgspec.Struct, frozen=True, eq=False):
    """Hold the stores that a composition root opened."""

    keys: KeyCache
    limiter: Limiter
    clock: Callable[[], float] = time.time


def bound_stores(config: Mapping[str, Any]) -> PluginStores:
    """Return the stores that the host passed in a plugin's config.

    Raises ConfigError when the host passed none.
    """
    stores: PluginStores | None = config.get(BOUND)
    if stores is None:
        raise ConfigError("this plugin host has no stores", fix=f"declare {SETTING!r} in Schema")
    return stores


class StoreOpener:
    """Open the stores that plugin configs name, each once, for a host without a composition root.

    They stay open until the process ends: Kong does not say when it ends a plugin server.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: dict[str, KeyCache] = {}
        self._limiters: dict[str, Limiter] = {}

    def bind(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return a config with the stores that it names, opened when the plugin reads them."""
        state = config.get(SETTING)
        if not state:
            return dict(config)
        return {**config, BOUND: _NamedStores(self, Path(state), config.get("keys") or "")}

    def keys(self, url: str) -> KeyCache:
        """Return the cache in front of the store at `url`."""
        with self._lock:
            if url not in self._keys:
                self._keys[url] = KeyCache(open_key_store(url))
                threading.Thread(target=_flush, args=(self._keys[url],), daemon=True).start()
            return self._keys[url]

    def limiter(self, url: str) -> Limiter:
        """Return the limiter at `url`."""
        with self._lock:
            if url not in self._limiters:
                self._limiters[url] = open_limiter(url)
            return self._limiters[url]


class _NamedStores:
    """Open only the store that a plugin reads: the limiter needs no keys."""

    def __init__(self, opener: StoreOpener, state: Path, keys: str) -> None:
        self._opener = opener
        self._state = state
        self._key_store = key_store_url(state, keys)
        self.clock = time.time

    @property
    def keys(self) -> KeyCache:
        return self._opener.keys(self._key_store)

    @property
    def limiter(self) -> Limiter:
        return self._opener.limiter(limiter_url(self._state))


def _flush(keys: KeyCache) -> None:
    while True:
        time.sleep(_FLUSH_SECONDS)
        with suppress(Unavailable):  # written with the next flush
            keys.flush()
