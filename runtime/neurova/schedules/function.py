"""A function that runs on a schedule: its parameters and its occurrences."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ..database.base import Transaction
from ..functions.schedule import Schedule
from ..subscriptions.background import BackgroundFunction, Definition


class ScheduledFunction(BackgroundFunction[Schedule]):
    """Call one handler at the occurrences of its schedule.

    A parameter of type `datetime` takes the time for which the run is scheduled. Raises BindError
    if the signature cannot be bound.
    """

    kind = "schedule"
    value = "datetime"
    fix = (
        "annotate parameters with datetime (the scheduled time), Tx, Deadline, Mail, Secret or Log"
    )
    when_given_up = "given up until the next time"

    def __init__(self, definition: Definition[Schedule]) -> None:
        from zoneinfo import ZoneInfo

        from ..functions.occurrences import make_occurrences  # imports cronsim

        super().__init__(definition)
        schedule = self.description
        self.occurrences = make_occurrences(schedule.seconds, schedule.expression, schedule.zone)
        self._zone = ZoneInfo(schedule.zone)

    def is_value(self, annotation: Any) -> bool:
        """Return whether a parameter with this annotation takes the scheduled time."""
        return annotation is datetime

    def time_of(self, occurrence: float) -> datetime:
        """Return an occurrence (Unix seconds) in the time zone of the schedule."""
        return datetime.fromtimestamp(occurrence, self._zone)

    async def call(self, occurrence: float, deadline: float, tx: Transaction | None) -> None:
        """Call the handler. Raises the errors of the handler."""
        scheduled = self.time_of(occurrence)
        await self.call_with(scheduled, f"{occurrence:.0f}", deadline, tx)
