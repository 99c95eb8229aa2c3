"""Convert messages to SNS and SQS messages, and back.

The body is Base64, as SQS accepts only text. All other values are string message attributes.
"""

from __future__ import annotations

import hashlib
import json
import math
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from ..base import MAX_FAILURES, Delivery, Failure, Message
from .names import MAX_RECEIVES

MAX_TRACEPARENT = 55
MAX_DELAY = 900
"""The longest delay of SQS in seconds; for a longer one, the receiver delays the message again."""
BATCH = 10
BATCH_SIZE = 250_000
"""The maximum size of a batch in bytes; a larger message is sent alone."""
_FAILURES = msgspec.json.Decoder(tuple[Failure, ...])

Attributes = dict[str, dict[str, str]]


class Handle(NamedTuple):
    """The identity of a delivery: an SQS message received from the queue at `url`.

    `due`: the time in Unix seconds before which the message must not be handled.
    `is_deleted_by_caller`: AWS Lambda deletes the message after it is handled.
    """

    url: str
    receipt: str
    due: float = 0.0
    is_deleted_by_caller: bool = False


class Outgoing(NamedTuple):
    """A message to send; SQS delivers it after `delay` whole seconds."""

    body: str
    attributes: Attributes
    delay: int = 0

    @property
    def size(self) -> int:
        """Return the size in bytes that counts toward SQS's limit."""
        attributes = (
            len(name) + 6 + len(each["StringValue"]) for name, each in self.attributes.items()
        )
        return len(self.body) + sum(attributes)


def encode(
    message: Message,
    attempt: int = 1,
    failures: tuple[Failure, ...] = (),
    *,
    due: float = 0.0,
    now: float = 0.0,
    is_dead: bool = False,
) -> Outgoing:
    """Return a message to send; `due` is the time to handle it, in Unix seconds."""
    values = {
        "id": message.id,
        "event": message.event,
        "time": repr(message.time),
        "traceparent": message.traceparent,
        "attempt": str(attempt) if attempt > 1 else "",
        # Encode as ASCII: a cause may contain characters that SQS refuses.
        "failures": json.dumps(msgspec.to_builtins(failures)) if failures else "",
        "due": repr(due) if due - now > MAX_DELAY else "",
        "dead": "1" if is_dead else "",
    }
    attributes = {
        name: {"DataType": "String", "StringValue": value}
        for name, value in values.items()
        if value
    }
    delay = min(max(math.ceil(due - now), 0), MAX_DELAY) if due else 0
    return Outgoing(b64encode(message.body).decode(), attributes, delay)


def batches(outgoing: Iterable[Outgoing]) -> Iterator[list[Outgoing]]:
    """Yield the messages in batches that fit into one call."""
    batch: list[Outgoing] = []
    size = 0
    for each in outgoing:
        if batch and (len(batch) == BATCH or size + each.size > BATCH_SIZE):
            yield batch
            batch, size = [], 0
        batch.append(each)
        size += each.size
    if batch:
        yield batch


def decode(queue: str, url: str, received: Mapping[str, Any]) -> Delivery:
    """Return the delivery of a message from boto3, which another program may have sent."""
    attributes = {
        name: each.get("StringValue", "")
        for name, each in received.get("MessageAttributes", {}).items()
    }
    return _decode(queue, attributes, received["Body"], Handle(url, received["ReceiptHandle"]))


def decode_record(queue: str, url: str, record: Mapping[str, Any]) -> Delivery:
    """Return the delivery for a record of an AWS Lambda event."""
    attributes = {
        name: each.get("stringValue") or ""
        for name, each in record.get("messageAttributes", {}).items()
    }
    handle = Handle(url, record["receiptHandle"], is_deleted_by_caller=True)
    return _decode(queue, attributes, record["body"], handle)


def decode_dead(queue: str, url: str, received: Mapping[str, Any]) -> Delivery:
    """Return the delivery of a dead letter; add a failure if SQS dead-lettered it."""
    delivery = decode(queue, url, received)
    if "dead" not in received.get("MessageAttributes", {}):
        cause = f"not handled in {MAX_RECEIVES} deliveries: the process ended each time"
        sent = _number(received.get("Attributes", {}).get("SentTimestamp")) / 1000
        failure = Failure(sent, delivery.attempt, cause)
        delivery.failures = (*delivery.failures, failure)[-MAX_FAILURES:]
    return delivery


def _decode(queue: str, attributes: Mapping[str, str], text: str, handle: Handle) -> Delivery:
    """Return a delivery; use defaults for missing attributes, and a hash as a missing id."""
    try:
        body = b64decode(text, validate=True)
    except ValueError:
        body = text.encode()
    traceparent = attributes.get("traceparent", "")
    message = Message(
        id=attributes.get("id") or f"body-{hashlib.sha256(body).hexdigest()[:32]}",
        event=attributes.get("event", ""),
        body=body,
        time=_number(attributes.get("time")),
        traceparent=traceparent if len(traceparent) <= MAX_TRACEPARENT else "",
    )
    try:
        failures = _FAILURES.decode(attributes.get("failures") or "[]")
    except msgspec.DecodeError:
        failures = ()
    attempt = max(1, int(_number(attributes.get("attempt"), 1.0)))
    handle = handle._replace(due=_number(attributes.get("due")))
    return Delivery(message, queue, attempt, failures, handle)


def _number(value: object, default: float = 0.0) -> float:
    try:
        number = float(value)  # type: ignore[arg-type]  # another program may have sent any value
    except (TypeError, ValueError):
        return default
    return number if math.isfinite(number) else default
