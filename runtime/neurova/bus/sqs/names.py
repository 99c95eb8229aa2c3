"""The topics and queues on AWS, as data: names, ARNs and attributes; no I/O.

An event is published to its topic. The topic copies the message unchanged to the queue of each
subscription; each queue has a dead-letter queue.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import urlsplit

from ...errors import ConfigError
from ..base import Queue

MAX_RECEIVES = 20
"""SQS dead-letters a message received more often: it may crash its consumers."""
RETENTION = 14 * 86_400
"""The seconds that SQS keeps a message or dead letter: the longest possible time."""
MAX_SIZE = 1_048_576
"""The maximum size in bytes of a message with its attributes."""
VISIBILITY = 180
"""The default seconds until SQS redelivers a message after its consumer died."""
_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")
_PREFIX = re.compile(r"[A-Za-z0-9_-]{1,40}")
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")


class Location(NamedTuple):
    """The parts of the bus URL, sqs://region/prefix."""

    region: str
    prefix: str


def find_location(url: str) -> Location | None:
    """Return the region and the prefix of an SQS URL, None for another URL."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    region, prefix = parts.netloc, parts.path[1:]
    if parts.scheme != "sqs" or parts.query or parts.fragment:
        return None
    return (
        Location(region, prefix)
        if _REGION.fullmatch(region) and _PREFIX.fullmatch(prefix)
        else None
    )


class Names(NamedTuple):
    """Name the queues and topics of one deployment."""

    region: str
    account: str
    prefix: str
    partition: str = "aws"

    def queue(self, queue: str) -> str:
        """Return the SQS name of a subscription's queue."""
        return f"{self.prefix}-{queue.replace('.', '-')}"

    def dead(self, queue: str) -> str:
        """Return the SQS name of a subscription's dead-letter queue."""
        return f"{self.queue(queue)}-dlq"

    def topic(self, event: str) -> str:
        """Return the SNS name of an event's topic."""
        return f"{self.prefix}-{event.replace('.', '-')}"

    def queue_arn(self, name: str) -> str:
        """Return the ARN of the queue with this SQS name."""
        return f"arn:{self.partition}:sqs:{self.region}:{self.account}:{name}"

    def topic_arn(self, event: str) -> str:
        """Return the ARN of an event's topic."""
        return f"arn:{self.partition}:sns:{self.region}:{self.account}:{self.topic(event)}"

    def queue_attributes(self, queue: str, visibility: int = VISIBILITY) -> dict[str, str]:
        """Return the attributes of a subscription's queue.

        `visibility`: seconds until SQS redelivers a message after its consumer died; for AWS Lambda
        at least the function's timeout. Only topics with the same prefix may send to the queue.
        """
        arn = self.queue_arn(self.queue(queue))
        topics = f"arn:{self.partition}:sns:{self.region}:{self.account}:{self.prefix}-*"
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": {"ArnLike": {"aws:SourceArn": topics}},
        }
        redrive = {
            "deadLetterTargetArn": self.queue_arn(self.dead(queue)),
            "maxReceiveCount": MAX_RECEIVES,
        }
        return {
            **self.dead_attributes(),
            "VisibilityTimeout": str(visibility),
            "RedrivePolicy": json.dumps(redrive),
            "Policy": json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
        }

    def dead_attributes(self) -> dict[str, str]:
        """Return the attributes of a dead-letter queue."""
        return {
            "MessageRetentionPeriod": str(RETENTION),
            "MaximumMessageSize": str(MAX_SIZE),
            "SqsManagedSseEnabled": "true",
        }


TOPIC_ATTRIBUTES = {"MaximumMessageSize": str(MAX_SIZE)}
"""The attributes of a topic. The default of 256 KiB is too small for Base64 events."""
SUBSCRIPTION_ATTRIBUTES = {"RawMessageDelivery": "true"}
"""The attributes of a topic's subscription: SNS forwards the message unchanged to SQS."""


def check_queues(names: Names, queues: Iterable[Queue]) -> None:
    """Raise ConfigError if SQS does not support one of the queues."""
    for queue in queues:
        if queue.ordered:
            raise ConfigError(
                f"SQS cannot keep the order of `ordered` when an event of {queue.name} is dead",
                where="bus.url",
                fix="use RabbitMQ, or remove `ordered` if the order does not matter",
            )
        for name in (names.dead(queue.name), *map(names.topic, queue.events)):
            if not _NAME.fullmatch(name):
                raise ConfigError(
                    f"SQS and SNS cannot have the name {name!r}",
                    where=queue.name,
                    fix="use at most 80 ASCII letters, digits, - and _; or a shorter prefix",
                )
