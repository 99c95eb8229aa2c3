"""Publish messages to the topics of their events."""

from __future__ import annotations

from collections.abc import Sequence

from ..base import Message
from .api import MISSING_TOPIC, Api, code_of
from .messages import Outgoing, batches, encode
from .names import Names
from .queues import check_batch


def publish(api: Api, names: Names, messages: Sequence[Message]) -> set[str]:
    """Return when SNS has the messages; return the events that have no topic.

    It blocks. Raises errors of boto3.
    """
    events: dict[str, list[Outgoing]] = {}
    for each in messages:
        events.setdefault(each.event, []).append(encode(each))
    unroutable = set()
    for event, outgoing in events.items():
        try:
            for batch in batches(outgoing):
                _publish(api, names.topic_arn(event), batch)
        except Exception as error:
            if code_of(error) not in MISSING_TOPIC:
                raise
            unroutable.add(event)
    return unroutable


def _publish(api: Api, topic: str, batch: Sequence[Outgoing]) -> None:
    entries = [
        {"Id": str(index), "Message": each.body, "MessageAttributes": each.attributes}
        for index, each in enumerate(batch)
    ]
    sns = api.client("sns")
    check_batch(sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries), topic)
