"""The context that the handlers of the Admin API receive."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from neurova.dead_letters.letters import DeadLetters
from neurova.dead_letters.replays import Replays
from neurova.settings.plans import Plan
from neurova.traces.base import TraceReader

from ..keys.base import KeyStore
from ..limits.base import Limiter
from ..metrics.backlogs import Backlogs
from .probes import Check, Probes
from .reloads import Reloads


class Function(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A served function: its route, access rules and limits.

    `values`: each setting with its origin, as shown by `neurova explain`.
    """

    name: str
    method: str
    path: str
    file: str
    summary: str = ""
    access: str = ""
    public: bool = False
    scopes: tuple[str, ...] = ()
    limit: str = ""
    tags: tuple[str, ...] = ()
    inputs: tuple[Any, ...] = ()
    plugins: tuple[Any, ...] = ()
    values: tuple[Any, ...] = ()


class AdminContext(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """The files and stores of one platform. Files may be missing; the callables may block.

    `environment`: "live" or "test"; this platform accepts only keys of this environment.
    `consumer_limit` applies to consumers without a limit of their own. `plans`: the plans that
    consumers may hold. `time_zone`: the time zone of calendar limits. `parts` returns further
    health checks by name. `started` is in Unix seconds. `clock` returns the time, in Unix seconds,
    by which keys expire. If `embedded` is false, Kong checks keys and limits, and `keys` and
    `limiter` raise Unavailable. `dead_letters` and `backlogs` must be used on the event loop that
    serves the Admin API. `traces` raises NeurovaError if the spans are sent to a collector.
    """

    name: str
    environment: str
    version: str
    started: float
    counters: Path
    process_counters: Path
    access_log: Path
    log_file: Path
    audit_log: Path
    functions: Callable[[], Sequence[Function]]
    keys: Callable[[], KeyStore]
    limiter: Callable[[], Limiter]
    dead_letters: Callable[[], DeadLetters]
    backlogs: Callable[[], Awaitable[Backlogs]]
    traces: Callable[[], TraceReader]
    embedded: bool = True
    clock: Callable[[], float] = time.time
    parts: Callable[[], Mapping[str, Check]] = dict
    consumer_limit: str = ""
    plans: Mapping[str, Plan] = {}
    time_zone: str = "UTC"
    reloads: Reloads = msgspec.field(default_factory=Reloads)
    replays: Replays = msgspec.field(default_factory=Replays)
    probes: Probes = msgspec.field(default_factory=Probes)
