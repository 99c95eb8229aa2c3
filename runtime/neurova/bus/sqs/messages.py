"""Convert messages to those of SNS and SQS, and back.

The body is Base64, as SQS takes only text. Everything else is in message attributes of strings.
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
"""The longest delay of a message in seconds; a later one is delayed again when it is received."""
BATCH = 10
BATCH_SIZE = 250_000
"""The size of a batch with more than one message."""
_FAILURES = msgspec.json.Decoder(tuple[Failure, ...])

Attributes = dict[str, dict[str, str]]


class Handle(NamedTuple):
    """What identifies a delivery: a message of SQS, received from the queue at `url`.

    `due`: it must not be handled before this time, in Unix seconds. `is_deleted_by_caller`: AWS
    Lambda deletes it when it is handled.
    """

    url: str
    receipt: str
    due: float = 0.0
    is_deleted_by_caller: bool = False


class Outgoing(NamedTuple):
    """A message to be sent, `delay` whole seconds later."""

    body: str
    attributes: Attributes
    delay: int = 0

    @property
    def size(self) -> int:
        """Return the bytes of which SQS limits the number."""
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
    """Return a message to be sent; with `due`, to be handled at that time, in Unix seconds."""
    values = {
        "id": message.id,
        "event": message.event,
        "time": repr(message.time),
        "traceparent": message.traceparent,
        "attempt": str(attempt) if attempt > 1 else "",
        # ASCII: SQS refuses some characters of a cause.
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
    """Yield the messages in groups that one call can send."""
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
    """Return the delivery of a message that boto3 has received, perhaps of another program."""
    attributes = {
        name: each.get("StringValue", "")
        for name, each in received.get("MessageAttributes", {}).items()
    }
    return _decode(queue, attributes, received["Body"], Handle(url, received["ReceiptHandle"]))


def decode_record(queue: str, url: str, record: Mapping[str, Any]) -> Delivery:
    """Return the delivery of a record in an event of AWS Lambda."""
    attributes = {
        name: each.get("stringValue") or ""
        for name, each in record.get("messageAttributes", {}).items()
    }
    handle = Handle(url, record["receiptHandle"], is_deleted_by_caller=True)
    return _decode(queue, attributes, record["body"], handle)


def decode_dead(queue: str, url: str, received: Mapping[str, Any]) -> Delivery:
    """Return the delivery of a dead letter, also of one that SQS has dead-lettered."""
    delivery = decode(queue, url, received)
    if "dead" not in received.get("MessageAttributes", {}):
        cause = f"not handled in {MAX_RECEIVES} deliveries: the process ended each time"
        sent = _number(received.get("Attributes", {}).get("SentTimestamp")) / 1000
        failure = Failure(sent, delivery.attempt, cause)
        delivery.failures = (*delivery.failures, failure)[-MAX_FAILURES:]
    return delivery


def _decode(queue: str, attributes: Mapping[str, str], text: str, handle: Handle) -> Delivery:
    """Missing attributes get defaults; a message without an id gets one from its body."""
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
        number = float(value)  # type: ignore[arg-type]  # any value: it is not from here
    except (TypeError, ValueError):
        return default
    return number if math.isfinite(number) else default
