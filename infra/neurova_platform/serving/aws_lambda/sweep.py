"""Do the work of the platform's background tasks, for all services, once a minute.

Background tasks cannot run on Lambda, because it suspends the process between calls.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from neurova.errors import NeurovaError, Unavailable
from neurova.idempotency.sweep import sweep
from neurova.loading.service import Service

from ...composition.state import has_state

if TYPE_CHECKING:
    from .container import Container

LOGGER = logging.getLogger("neurova.lambda")


async def handle(container: Container, event: Mapping[str, Any], deadline: float) -> dict[str, Any]:
    """Publish waiting outbox events, retry failed schedule runs, and delete old records.

    Returns the number of published events. If a service fails, raises its error after handling all
    others, so that the failure appears in Lambda's metrics.
    """
    settings, services = container.platform.settings, container.platform.services
    stateful = [each for name, each in services.items() if has_state(settings, name)]
    results = await asyncio.gather(
        *(_sweep(container, each, deadline) for each in stateful), return_exceptions=True
    )
    faults = [each for each in results if isinstance(each, BaseException)]
    for fault in faults:
        known = isinstance(fault, NeurovaError)
        LOGGER.error("The sweep failed: %s", fault, exc_info=None if known else fault)
    if faults:
        raise faults[0]
    return {"published": sum(each for each in results if isinstance(each, int))}


async def _sweep(container: Container, service: Service, deadline: float) -> int:
    published = 0
    relay = container.publisher.relay(service.name)
    try:
        async with asyncio.timeout_at(deadline):
            while number := await relay.relay_batch():
                published += number
            for runner in container.platform.events.schedule_runners(service):
                await runner.run_due()
            while number := await relay.relay_batch():  # events of the schedule runs
                published += number
            await relay.prune()
            await sweep(container.platform.events.database(service.name))
    except TimeoutError:
        raise Unavailable(
            "the sweep has not finished before the timeout of AWS Lambda",
            where=service.name,
            fix="the next one continues; raise the timeout of the Lambda function",
        ) from None
    return published
