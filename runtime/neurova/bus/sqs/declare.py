"""Create the topics and queues on AWS."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from ...errors import StateError
from ..base import Queue
from .api import MISSING_QUEUE, Api, code_of
from .names import SUBSCRIPTION_ATTRIBUTES, TOPIC_ATTRIBUTES, Names


def declare(api: Api, names: Names, queues: Iterable[Queue]) -> None:
    """Create missing objects. Raises StateError if a queue has another dead-letter queue."""
    sqs, sns = api.client("sqs"), api.client("sns")
    for queue in queues:
        _create(sqs, names.dead(queue.name), names.dead_attributes())
        name = names.queue(queue.name)
        url = _create(sqs, name, names.queue_attributes(queue.name))
        _check(sqs, url, name, names.queue_arn(names.dead(queue.name)))
        for event in queue.events:
            topic = sns.create_topic(Name=names.topic(event), Attributes=TOPIC_ATTRIBUTES)
            sns.subscribe(
                TopicArn=topic["TopicArn"],
                Protocol="sqs",
                Endpoint=names.queue_arn(name),
                Attributes=SUBSCRIPTION_ATTRIBUTES,
            )


def _create(sqs: Any, name: str, attributes: dict[str, str]) -> str:
    """Return the URL of a queue; create it if it is missing."""
    try:
        return str(sqs.get_queue_url(QueueName=name)["QueueUrl"])
    except Exception as error:
        if code_of(error) not in MISSING_QUEUE:
            raise
    return str(sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])


def _check(sqs: Any, url: str, name: str, dead: str) -> None:
    wanted = ["RedrivePolicy"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=wanted).get("Attributes", {})
    policy = json.loads(found.get("RedrivePolicy", "{}"))
    if policy.get("deadLetterTargetArn") != dead:
        raise StateError(
            "the queue has another dead-letter queue",
            where=f"SQS queue {name}",
            fix=f"set its dead-letter queue to {dead}, or delete it when it is empty",
        )
