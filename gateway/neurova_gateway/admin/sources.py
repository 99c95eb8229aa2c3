"""What the Admin API reads and changes, given to it by whoever starts it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from ..keys.base import KeyStore
from ..limits.base import Limiter
from .reloads import Reloads


class Function(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One function as it is served: its route, who may call, what bounds it.

    `values`: each bound with where it comes from, as `neurova explain` shows them.
    """

    name: str
    method: str
    path: str
    file: str
    says: str = ""
    access: str = ""
    public: bool = False
    scopes: tuple[str, ...] = ()
    limit: str = ""
    tags: tuple[str, ...] = ()
    inputs: tuple[Any, ...] = ()
    plugins: tuple[Any, ...] = ()
    values: tuple[Any, ...] = ()


class Part(msgspec.Struct, frozen=True, omit_defaults=True):
    """State how one part of the platform stands; `fix` says what to do when it is not up."""

    name: str
    status: Literal["up", "behind", "unreachable"]
    says: str = ""
    fix: str = ""


class Sources(msgspec.Struct, frozen=True, eq=False):
    """Hold where each thing is; paths may be missing, the functions may block.

    `environment` is whose keys are taken here; `consumer_limit` binds consumers without one of
    their own; `parts` gives what looks at each other part, by its name; `started` is in Unix
    seconds; `clock` is that of keys. Without `embedded`, keys and limits are a gateway's in front,
    and both raise Unavailable.
    """

    name: str
    environment: str
    version: str
    started: float
    counters: Path
    access: Path
    audit: Path
    functions: Callable[[], Sequence[Function]]
    keys: Callable[[], KeyStore]
    limiter: Callable[[], Limiter]
    embedded: bool = True
    clock: Callable[[], float] = time.time
    parts: Callable[[], Mapping[str, Callable[[], Part]]] = dict
    consumer_limit: str = ""
    reloads: Reloads = msgspec.field(default_factory=Reloads)
