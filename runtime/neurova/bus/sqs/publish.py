"""Publish messages to the topics of their events."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ..base import Message
from .api import Api, MissingTopic
from .messages import Outgoing, batches, encode
from .names import Names
from .queues import check_batch


async def publish(api: Api, names: Names, messages: Sequence[Message]) -> set[str]:
    """Publish messages to SNS, and return the events that have no topic.

    Batches are sent concurrently, as SNS does not preserve the order. Raises NeurovaError.
    """
    events: dict[str, list[Outgoing]] = {}
    for each in messages:
        events.setdefault(each.event, []).append(encode(each))
    sent = [(event, batch) for event, found in events.items() for batch in batches(found)]
    calls = [api.call(_publish, api, names.topic_arn(event), batch) for event, batch in sent]
    results = await asyncio.gather(*calls, return_exceptions=True)
    unroutable = set()
    for (event, _), result in zip(sent, results, strict=True):
        if isinstance(result, MissingTopic):
            unroutable.add(event)
        elif isinstance(result, BaseException):
            raise result
    return unroutable


def _publish(api: Api, topic: str, batch: Sequence[Outgoing]) -> None:
    entries = [
        {"Id": str(index), "Message": each.body, "MessageAttributes": each.attributes}
        for index, each in enumerate(batch)
    ]
    sns = api.client("sns")
    check_batch(sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries), topic)
