"""Handle the messages of a subscription's queue, which Lambda has received from SQS."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from neurova.bus.sqs.bus import SqsBus
from neurova.errors import ConfigError, NeurovaError
from neurova.subscriptions.runner import SubscriptionRunner

if TYPE_CHECKING:
    from ...composition.events import EventSystem
    from .container import Container

LOGGER = logging.getLogger("neurova.events")

Record = Mapping[str, Any]


async def handle(container: Container, event: Mapping[str, Any], deadline: float) -> dict[str, Any]:
    """Handle all messages before `deadline`; return the messages that Lambda must not delete.

    If a subscription fails, the runner sends the message again or dead-letters it, so Lambda may
    delete the original.
    """
    events, records = container.platform.events, event["Records"]
    bus = await _open_bus(events)
    runner = find_runner(events, bus, records[0]["eventSourceARN"])
    handling = [_handle(bus, runner, each, deadline) for each in records]
    ended = await asyncio.gather(*handling)
    await container.publisher.publish(runner.function.service, deadline)
    failed = [each for each, is_ended in zip(records, ended, strict=True) if not is_ended]
    return {"batchItemFailures": [{"itemIdentifier": each["messageId"]} for each in failed]}


def find_runner(events: EventSystem, bus: SqsBus, arn: str) -> SubscriptionRunner:
    """Return the runner for the messages of a queue.

    Raises NeurovaError if no subscription has this queue.
    """
    for each in events.subscriptions():
        if bus.names.queue_arn(bus.names.queue(each.name)) == arn:
            return events.make_runner(each, bus)
    raise NeurovaError(
        "no subscription has this queue",
        where=arn,
        fix="remove the event source from the function, or set the prefix in bus.url",
    )


async def _open_bus(events: EventSystem) -> SqsBus:
    bus = await events.open_bus()
    if not isinstance(bus, SqsBus):
        fix = 'set it to "sqs://region/prefix"'
        raise ConfigError("the function receives messages of SQS", where="bus.url", fix=fix)
    return bus


async def _handle(bus: SqsBus, runner: SubscriptionRunner, record: Record, deadline: float) -> bool:
    """Handle one message; return whether Lambda may delete it."""
    try:
        async with asyncio.timeout_at(deadline):
            delivery = await bus.decode_record(runner.function.name, record)
            if await bus.delay(delivery):
                return False
            await runner.handle(delivery)
    except Exception as error:
        what = "the timeout of AWS Lambda" if isinstance(error, TimeoutError) else error
        known = isinstance(error, NeurovaError | TimeoutError)
        LOGGER.error(
            "%s: SQS delivers message %s again: %s",
            runner.function.name,
            record["messageId"],
            what,
            exc_info=None if known else error,
        )
        return False
    return True
