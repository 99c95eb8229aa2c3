"""The section `[runtime]` of neurova.toml."""

from __future__ import annotations

from typing import Annotated

import msgspec

from .section import Section
from .units import OptionalSeconds, OptionalSize, Seconds


class Runtime(Section, frozen=True):
    """Configure `neurova run`: `workers` processes of at most `memory` bytes each (0: no limit).

    In seconds: `drain`, the time for calls in flight to finish at a stop; `drain_delay`, the time
    before that in which connections are still accepted; `stuck`, the time after which a worker with
    a blocked event loop is replaced.
    """

    workers: Annotated[int, msgspec.Meta(ge=1, le=512)] = 1
    drain: Seconds = 30.0
    drain_delay: OptionalSeconds = 0.0
    stuck: Seconds = 10.0
    memory: OptionalSize = 0
