"""The interface of a store of log lines."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec


class LogLine(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One log line as it is stored, in JSON.

    `time` is in UTC. `function` is "<service>.<name>". Outside of calls, `function`, `service`,
    `consumer` and `trace_id` are empty. `version` is the version of the project. `fields` come from
    the code that logs.
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
    """Store lines in batches. The methods block; one thread at a time calls them."""

    def write(self, lines: Sequence[Encoded]) -> int:
        """Store lines; return how many lines the store refused permanently.

        Raises Unavailable if they can be stored later: the caller then passes the same lines again,
        before any others.
        """

    def check(self) -> str:
        """Return one line about the store. Raises NeurovaError if it cannot be used."""
