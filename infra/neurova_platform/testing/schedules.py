"""The schedules of a test: they run only when the test says so, at the time of its clock."""

from __future__ import annotations

from neurova.subscriptions.records import EventRecord

from ..composition.platform import Platform
from .clock import Clock


class ScheduleTests:
    """Run the schedules of a platform whose own process runs none."""

    def __init__(self, platform: Platform, clock: Clock) -> None:
        self._platform = platform
        self._clock = clock
        self._start = clock.time()

    async def run(self) -> list[EventRecord]:
        """Run each schedule that is due; return what happened."""
        from neurova.schedules.runner import ScheduleRunner

        records: list[EventRecord] = []
        for _, service in sorted(self._platform.services.items()):
            for function in service.schedules:
                runner = ScheduleRunner(function, records.append, self._clock.time)
                await runner.register(self._start)
                await runner.run_due()
        return records
