"""The stores that the plugins of one state folder share, opened once a process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from neurova.errors import ConfigError, Unavailable

from ..keys.base import KeyStore
from ..keys.ring import KeyRing
from ..limits.base import Limiter

_FLUSH_SECONDS = 5.0


class Backends(msgspec.Struct, frozen=True, eq=False):
    """Hold what a state folder gives: keys, limits, and the clock both are read by."""

    keys: KeyRing
    limiter: Limiter
    clock: Callable[[], float] = time.time


_given: dict[str, Backends] = {}
_opened: dict[tuple[str, str], Backends] = {}
_lock = threading.Lock()


def provide(state: str, backends: Backends) -> None:
    """Let the plugins whose config names `state` use these, in place of what they would open."""
    with _lock:
        _given[state] = backends


def withdraw(state: str) -> None:
    """Forget the backends of `state`; whoever opened them closes them."""
    with _lock:
        _given.pop(state, None)


def of(state: str, keys: str = "") -> Backends:
    """Return the backends of a state folder, opening its files when nobody has yet.

    `keys` as `key_store` takes it. Raises ConfigError when `state` is empty, StateError when a
    file there or the store of keys cannot be used.
    """
    with _lock:
        found = _given.get(state) or _opened.get((state, keys))
        if found is None:
            if not state:
                raise ConfigError('plugin config: set "state" to the folder that holds keys.db')
            found = _opened[state, keys] = _open(Path(state), keys)
        return found


def key_store(state: Path, keys: str = "") -> KeyStore:
    """Open the store of keys: that of the folder `state`, or of the PostgreSQL URL `keys`.

    Raises StateError when it cannot be used, ConfigError when its driver is not installed.
    """
    if not keys:
        from ..keys.sqlite import SqliteKeyStore

        return SqliteKeyStore(state / "keys.db")
    try:
        from ..keys.postgres import PostgresKeyStore
    except ImportError:
        raise ConfigError(
            "gateway.keys is in PostgreSQL, whose driver is not here: pip install neurova[postgres]"
        ) from None
    return PostgresKeyStore(keys)


def _open(folder: Path, keys: str) -> Backends:
    from ..limits.table import Table

    ring = KeyRing(key_store(folder, keys))
    threading.Thread(target=_flushed, args=(ring,), name="key-uses", daemon=True).start()
    return Backends(ring, Table(folder / "limits.table"))


def _flushed(ring: KeyRing) -> None:
    while True:
        time.sleep(_FLUSH_SECONDS)
        with suppress(Unavailable):
            ring.flush()
