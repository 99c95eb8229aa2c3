"""Services whose saved files cannot be served, and since when."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import msgspec

_PLACE = re.compile(r"([\w./-]+\.py):(\d+): ")


class Reload(msgspec.Struct, frozen=True):
    """State a service whose last good version serves on; `line` 0: not known, `since` in Unix s."""

    service: str
    message: str
    file: str
    line: int
    since: float


class Reloads:
    """Remember the last fault of each service until it reloads well."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._faults: dict[str, Reload] = {}

    def told(self, service: str, fault: Exception | None) -> None:
        """Note how a reload went."""
        if fault is None:
            self._faults.pop(service, None)
            return
        message = str(fault)
        place = _PLACE.search(message)
        before = self._faults.get(service)
        self._faults[service] = Reload(
            service,
            message,
            place[1] if place else "",
            int(place[2]) if place else 0,
            before.since if before else self._clock(),
        )

    def faults(self) -> list[Reload]:
        """Return what does not serve as it was saved, by service."""
        return [self._faults[service] for service in sorted(self._faults)]
