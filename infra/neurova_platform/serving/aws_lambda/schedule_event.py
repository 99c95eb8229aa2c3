"""Run one schedule when EventBridge sends its event."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from neurova.errors import NeurovaError, Unavailable

if TYPE_CHECKING:
    from .container import Container


async def handle(container: Container, event: Mapping[str, Any], deadline: float) -> dict[str, Any]:
    """Run the schedule `event["function"]` if it is due; return whether it ran.

    If the run fails, a later sweep retries it. Raises NeurovaError for an unknown schedule.
    """
    name = str(event.get("function"))
    services = container.platform.services
    service = services.get(name.partition(".")[0])
    runners = container.platform.events.schedule_runners(service) if service else []
    found = [each for each in runners if each.function.name == name]
    if not found:
        names = [each.name for service in services.values() for each in service.schedules]
        known = ", ".join(names) or "none"
        raise NeurovaError(f"there is no schedule {name!r}", fix=f"schedules: {known}")
    try:
        async with asyncio.timeout_at(deadline):
            has_run = await found[0].run_latest()
    except TimeoutError:
        raise Unavailable(
            "the run has not finished before the timeout of AWS Lambda",
            where=name,
            fix="raise the timeout of the Lambda function, or do less in one run",
        ) from None
    await container.publisher.publish(found[0].function.service, deadline)
    return {"has_run": has_run}
