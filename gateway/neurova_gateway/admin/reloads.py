"""The services whose last reload failed."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from neurova.errors import NeurovaError


class Reload(msgspec.Struct, frozen=True):
    """A failed reload: the previous version of the service still serves.

    `file` is "" and `line` 0 if they are not known. `since` is in Unix seconds.
    """

    service: str
    message: str
    file: str
    line: int
    since: float


class Reloads:
    """Keep the last reload error of each service until the service reloads successfully."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._failed: dict[str, Reload] = {}

    def record(self, service: str, error: Exception | None) -> None:
        """Record the result of a reload; `error` is None if it succeeded."""
        if error is None:
            self._failed.pop(service, None)
            return
        file, line = _source(error)
        before = self._failed.get(service)
        since = before.since if before else self._clock()
        self._failed[service] = Reload(service, str(error), file, line, since)

    def failed(self) -> list[Reload]:
        """Return the failed reloads, ordered by service."""
        return [self._failed[service] for service in sorted(self._failed)]


def _source(error: Exception) -> tuple[str, int]:
    """Return the file and line that an error names in `where` ("file:line")."""
    where = error.where if isinstance(error, NeurovaError) else ""
    file, _, line = where.rpartition(":")
    return (file, int(line)) if line.isdecimal() else (where, 0)
