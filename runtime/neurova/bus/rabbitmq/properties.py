"""Convert messages to AMQP properties and headers, and back."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
from pika import BasicProperties, DeliveryMode

from ..base import MAX_FAILURES, Delivery, Failure, Message
from .topology import DELIVERY_LIMIT

MAX_TRACEPARENT = 55
"""The length of a `traceparent` of version 00; a longer value is dropped."""
_ENCODER = msgspec.json.Encoder()
_FAILURES = msgspec.json.Decoder(tuple[Failure, ...])


def encode(
    message: Message, attempt: int = 1, failures: tuple[Failure, ...] = ()
) -> BasicProperties:
    """Return the AMQP properties of a message."""
    headers: dict[str, Any] = {"time": repr(message.time), "traceparent": message.traceparent}
    if attempt > 1:
        headers["attempt"] = attempt
    if failures:
        headers["failures"] = _ENCODER.encode(failures).decode()
    return BasicProperties(
        content_type="application/octet-stream",
        type=message.event,
        message_id=message.id,
        delivery_mode=DeliveryMode.Persistent.value,
        headers=headers,
    )


def decode(queue: str, routing_key: str, properties: BasicProperties, body: bytes) -> Delivery:
    """Return the delivery of a message, which another program may have published.

    Missing properties get defaults. A missing id is derived from the body, so that it is the same
    at each delivery.
    """
    headers = properties.headers or {}
    message = Message(
        id=properties.message_id or f"body-{hashlib.sha256(body).hexdigest()[:32]}",
        event=properties.type or routing_key,
        body=body,
        time=_number(headers.get("time")),
        traceparent=_text(headers.get("traceparent")),
    )
    if "failures" not in headers and "x-death" not in headers:
        return Delivery(message, queue)
    attempt = max(1, int(_number(headers.get("attempt"), 1.0)))
    return Delivery(message, queue, attempt, _failures(headers))


def _failures(headers: dict[str, Any]) -> tuple[Failure, ...]:
    """Return the recorded failures; add one if RabbitMQ dead-lettered the message."""
    try:
        found = _FAILURES.decode(headers.get("failures") or "[]")
    except (msgspec.DecodeError, TypeError):
        found = ()
    for death in headers.get("x-death") or ():
        if death.get("reason") == "delivery_limit":
            cause = (
                f"not handled in {DELIVERY_LIMIT} deliveries: the process or its connection "
                "ended each time"
            )
            failure = Failure(death["time"].timestamp(), DELIVERY_LIMIT, cause)
            found = (*found, failure)[-MAX_FAILURES:]
    return found


def _number(value: object, default: float = 0.0) -> float:
    try:
        return float(value)  # type: ignore[arg-type]  # another program may have sent any value
    except (TypeError, ValueError):
        return default


def _text(value: object) -> str:
    return value if isinstance(value, str) and len(value) <= MAX_TRACEPARENT else ""
