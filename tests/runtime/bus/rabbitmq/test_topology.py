"""RabbitMQ's queues, described as data, and the message format."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from pika import BasicProperties

from neurova.bus.base import Failure, Message, Queue
from neurova.bus.rabbitmq.properties import decode, encode
from neurova.bus.rabbitmq.topology import (
    DELIVERY_LIMIT,
    render_definitions,
    retry_exchange,
    shared_topology,
    topology_of,
)

QUEUES = [Queue("crm.stays", ("a.B", "a.C")), Queue("crm.mail", ("a.B",), ordered=True)]
MESSAGE = Message("1", "a.B", b"body", 1.25, "2a")
DIED = {"reason": "delivery_limit", "time": datetime(2026, 1, 1, tzinfo=UTC)}


@pytest.mark.parametrize(
    ("delay", "level"), [(0, 1), (1, 1), (1.1, 2), (5, 8), (2048, 2048), (2049, 3600), (9999, 3600)]
)
def test_delay_rounds_up_to_level(delay: float, level: int) -> None:
    assert retry_exchange(delay) == f"neurova.retry.{level}"


def test_every_dead_lettering_queue_loses_nothing() -> None:
    topology = shared_topology() + topology_of(QUEUES)
    dead_lettering = [each for each in topology.queues if "x-dead-letter-exchange" in each[1]]
    assert len(dead_lettering) == len(QUEUES) + 13
    for _, arguments in topology.queues:
        assert arguments["x-queue-type"] == "quorum"
        assert arguments["x-delivery-limit"] >= DELIVERY_LIMIT
    for _, arguments in dead_lettering:
        assert arguments["x-dead-letter-strategy"] == "at-least-once"
        assert arguments["x-overflow"] == "reject-publish"


def test_definitions_hold_everything() -> None:
    topology = shared_topology() + topology_of(QUEUES)
    rendered = render_definitions(topology, "v")
    assert {kind: len(each) for kind, each in rendered.items()} == {
        "exchanges": 16,
        "queues": 18,
        "bindings": 19,
    }
    assert {each["vhost"] for kind in rendered.values() for each in kind} == {"v"}
    ordered = [each for each in rendered["queues"] if each["name"] == "crm.mail"]
    assert ordered[0]["arguments"]["x-single-active-consumer"] is True
    assert topology.handles == 54


def test_message_keeps_its_form() -> None:
    failures = (Failure(1.0, 1, "no"), Failure(2.0, 2, "ä" * 300))
    found = decode("q", "ignored", encode(MESSAGE, 3, failures), b"body")
    assert (found.message, found.attempt, found.failures) == (MESSAGE, 3, failures)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (None, (1, (), 0.0, "")),
        ({"attempt": "x", "failures": "{", "time": [], "traceparent": "z" * 56}, (1, (), 0.0, "")),
        ({"attempt": -5, "failures": 7, "time": "2.5", "traceparent": 9}, (1, (), 2.5, "")),
        ({"attempt": 2, "failures": "[]", "time": 2, "traceparent": "0f"}, (2, (), 2.0, "0f")),
    ],
)
def test_foreign_headers_get_defaults(headers: Any, expected: tuple[Any, ...]) -> None:
    found = decode("q", "a.B", BasicProperties(headers=headers), b"body")
    message = found.message
    assert (found.attempt, found.failures, message.time, message.trace_id) == expected
    assert message.event == "a.B"
    assert message.id == decode("q", "a.B", BasicProperties(), b"body").message.id
    assert message.id != decode("q", "a.B", BasicProperties(), b"other").message.id


def test_message_dead_lettered_by_the_broker_has_a_cause() -> None:
    properties = encode(MESSAGE, 1, (Failure(1.0, 1, "no"),))
    assert properties.headers is not None
    properties.headers["x-death"] = [DIED]
    first, second = decode("q", "", properties, b"body").failures
    assert first.cause == "no"
    assert second == msgspec.structs.replace(
        second, time=DIED["time"].timestamp(), attempt=DELIVERY_LIMIT
    )
    assert "not handled in 50 deliveries" in second.cause
