"""The stores that plugins use; the plugin host opens them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from neurova.errors import ConfigError, Unavailable

from ..identity.shared import open_identity_keys
from ..identity.signing_keys import IdentityKeys
from ..keys.cache import KeyCache
from ..keys.factory import key_store_url, open_key_store
from ..limits.base import Limiter
from ..limits.factory import limiter_url, open_limiter

SETTING = "state"  # the Schema field by which a plugin asks for stores
BOUND = "__stores__"  # the config entry with a function that returns the stores
_FLUSH_SECONDS = 5.0


class Stores(msgspec.Struct, frozen=True, eq=False):
    """The key cache, the rate limiter, and the clock (Unix seconds) for both."""

    keys: KeyCache
    limiter: Limiter
    clock: Callable[[], float] = time.time
    identity: Callable[[], IdentityKeys] | None = None


def bound_stores(config: Mapping[str, Any]) -> Stores:
    """Return the stores that the host has added to a plugin's config.

    Raises ConfigError if the config has no stores.
    """
    get_stores: Callable[[], Stores] | None = config.get(BOUND)
    if get_stores is None:
        raise ConfigError("this plugin host has no stores", fix=f"declare {SETTING!r} in Schema")
    return get_stores()


class StoreOpener:
    """Open the stores that plugin configs name, each only once, for Kong's plugin server.

    The stores stay open until the process ends, because Kong stops the server without notice.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._opened: dict[tuple[str, ...], Stores] = {}

    def bind(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Add the stores that a config names to a copy of it; they are opened at the first use."""
        state, keys = config.get(SETTING) or "", config.get("keys") or ""
        if not state:
            return dict(config)
        limits, identity = config.get("limits") or "", config.get("identity_secret") or ""
        return {**config, BOUND: partial(self._get, state, keys, limits, identity)}

    def _get(self, *names: str) -> Stores:
        with self._lock:
            stores = self._opened.get(names)
            if stores is None:
                stores = self._opened[names] = _open(*names)
            return stores


def _open(folder: str, keys: str, limits: str, identity: str) -> Stores:
    state = Path(folder)
    cache = KeyCache(open_key_store(key_store_url(state, keys)))
    threading.Thread(target=_flush, args=(cache,), name="key-uses", daemon=True).start()
    limiter = open_limiter(limiter_url(state, limits), state)
    return Stores(cache, limiter, identity=open_identity_keys(identity) if identity else None)


def _flush(keys: KeyCache) -> None:
    while True:
        time.sleep(_FLUSH_SECONDS)
        with suppress(Unavailable):  # the next flush retries
            keys.flush()
