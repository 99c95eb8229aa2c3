"""The interface of a store of log lines."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec


class LogLine(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One log line as it is stored, in JSON.

    `time` is in UTC. `function` is "<service>.<name>", empty outside of calls, as are `service`,
    `consumer` and `trace_id`. `version` is that of the project. `fields` come from the
    code that logs.
    """

    time: datetime
    level: str
    logger: str
    message: str
    trace_id: str = ""
    function: str = ""
    service: str = ""
    consumer: str = ""
    version: str = ""
    fields: dict[str, Any] = {}
    traceback: str = ""


Encoded = tuple[LogLine, bytes]
"""A line, and its JSON with secrets masked."""


class LogStore(Protocol):
    """Receives lines in batches. Its methods block; one thread at a time calls them."""

    def write(self, lines: Sequence[Encoded]) -> int:
        """Store lines; return how many the store refused for good.

        Raises Unavailable if they can be stored later: the caller then passes the same lines again,
        before any others.
        """

    def check(self) -> str:
        """Return one line about the store. Raises NeurovaError if it cannot be used."""
