"""Records of the outcomes of events, and the error that requests a retry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

Outcome = Literal["published", "handled", "duplicate", "parked", "retry", "dead", "released"]


class EventRecord(msgspec.Struct, frozen=True):
    """One outcome of an event.

    `time` is in Unix seconds, `ms` the duration of the call. `subscription` is empty for the
    outcome "published". `cause` says why an event is retried, dead or released. `published` is when
    the event was published, 0 for a run of a schedule.
    """

    time: float
    outcome: Outcome
    event: str
    id: str
    trace_id: str
    subscription: str = ""
    attempt: int = 0
    ms: float = 0.0
    cause: str = ""
    published: float = 0.0


ReportEvent = Callable[[EventRecord], None]


class Retry(Exception):
    """Raise it in a subscription to handle the event again after `after` seconds.

    It counts as a failed attempt.
    """

    def __init__(self, reason: str = "", *, after: float) -> None:
        super().__init__(reason)
        self.after = after
