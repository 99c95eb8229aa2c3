"""The stores that the plugins of one state folder share, opened once a process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from neurova.errors import ConfigError, Unavailable

from .keys.ring import KeyRing
from .limits.base import Limiter

_FLUSH_SECONDS = 5.0


class Backends(msgspec.Struct, frozen=True, eq=False):
    """Hold what a state folder gives: keys, limits, and the clock both are read by."""

    keys: KeyRing
    limiter: Limiter
    clock: Callable[[], float] = time.time


_opened: dict[str, Backends] = {}
_lock = threading.Lock()


def provide(state: str, backends: Backends) -> None:
    """Let the plugins whose config names `state` use these, in place of the folder's own files."""
    with _lock:
        _opened[state] = backends


def withdraw(state: str) -> None:
    """Forget the backends of `state`; whoever opened them closes them."""
    with _lock:
        _opened.pop(state, None)


def of(state: str) -> Backends:
    """Return the backends of a state folder, opening its files when nobody has yet.

    Raises ConfigError when `state` is empty, StateError when a file there cannot be used.
    """
    with _lock:
        found = _opened.get(state)
        if found is None:
            if not state:
                raise ConfigError('plugin config: set "state" to the folder that holds keys.db')
            found = _opened[state] = _open(Path(state))
        return found


def _open(folder: Path) -> Backends:
    from .keys.sqlite import SqliteKeyStore
    from .limits.table import Table

    ring = KeyRing(SqliteKeyStore(folder / "keys.db"))
    threading.Thread(target=_flushed, args=(ring,), name="key-uses", daemon=True).start()
    return Backends(ring, Table(folder / "limits.table"))


def _flushed(ring: KeyRing) -> None:
    while True:
        time.sleep(_FLUSH_SECONDS)
        with suppress(Unavailable):
            ring.flush()
