"""The bus on SQS when AWS or a process fails, or a queue is defined differently."""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import AsyncIterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError
from tests.contracts.buses import MAIL, ORDERED, consume, deadline, eventually, message, publish

from neurova.bus.base import MAX_CAUSE, MAX_FAILURES, Failure, Queue
from neurova.bus.sqs.api import translate
from neurova.bus.sqs.bus import SqsBus
from neurova.bus.sqs.messages import BATCH_SIZE, MAX_DELAY, batches, encode
from neurova.bus.sqs.names import MAX_RECEIVES, MAX_SIZE, Location, Names, check_queues
from neurova.errors import ConfigError, NeurovaError, StateError, Unavailable

NAMES = Names("eu-central-1", "1", "shop")


class Clock:
    ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def bus(aws: str, clock: Clock) -> AsyncIterator[SqsBus]:
    bus = SqsBus(Location("eu-central-1", f"t{secrets.token_hex(6)}"), clock, wait=1)
    await bus.start()
    yield bus
    await bus.close()


def sqs() -> Any:
    return boto3.client("sqs")


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (NoCredentialsError(), ConfigError, "set AWS_PROFILE"),
        (EndpointConnectionError(endpoint_url="http://h"), Unavailable, "retry later"),
        (("ExpiredToken", 403), StateError, "renew them"),
        (("AccessDenied", 403), StateError, "AWS does not allow SendMessage"),
        (("ThrottlingException", 400), Unavailable, "retry later"),
        (("InternalError", 500), Unavailable, "retry later"),
        (("InvalidParameter", 400), StateError, "AWS refuses SendMessage: InvalidParameter: why"),
    ],
)
def test_error_of_aws_says_the_fix(error: Any, kind: type[NeurovaError], text: str) -> None:
    if isinstance(error, tuple):
        code, status = error
        answer: Any = {
            "Error": {"Code": code, "Message": "why"},
            "ResponseMetadata": {"HTTPStatusCode": status},
        }
        error = ClientError(answer, "SendMessage")
    found = translate(error)
    assert (type(found), text in str(found)) == (kind, True), found


@pytest.mark.parametrize(
    ("queue", "what"),
    [
        (ORDERED, "use RabbitMQ"),
        (Queue(f"crm.{'a' * 80}", ("booking.Created",)), "at most 80"),
        (Queue("crm.mail", ("booking.Gelişti",)), "ASCII"),
    ],
)
def test_queue_that_sqs_cannot_have_is_refused(queue: Queue, what: str) -> None:
    with pytest.raises(ConfigError, match=what):
        check_queues(NAMES, [queue])


def test_batches_fit_the_limits_of_aws() -> None:
    small = [encode(message(str(number))) for number in range(25)]
    assert [len(each) for each in batches(small)] == [10, 10, 5]
    large = [encode(message("1", body=bytes(BATCH_SIZE))), *small[:1]]
    assert [len(each) for each in batches(large)] == [1, 1]


def test_largest_event_with_all_causes_fits_into_a_message() -> None:
    failures = tuple(Failure(1.0, number, "😀" * MAX_CAUSE) for number in range(MAX_FAILURES))
    assert encode(message("1", body=bytes(256 << 10)), 20, failures).size <= MAX_SIZE


@pytest.mark.server
async def test_publish_fails_at_its_deadline(bus: SqsBus, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(Unavailable, match="deadline"):
            await bus.publish([message("1")], deadline(0.5))


@pytest.mark.server
async def test_queue_with_another_dead_letter_queue_is_refused(bus: SqsBus) -> None:
    sqs().create_queue(QueueName=bus.names.queue(MAIL.name))
    with pytest.raises(StateError, match=r"-crm-mail: .* another dead-letter queue"):
        await bus.declare([MAIL], deadline())


@pytest.mark.server
async def test_message_that_kills_its_process_is_dead_lettered(bus: SqsBus) -> None:
    await bus.declare([MAIL], deadline())
    await publish(bus, ["1"])
    client = sqs()
    url = client.get_queue_url(QueueName=bus.names.queue(MAIL.name))["QueueUrl"]
    for _ in range(MAX_RECEIVES + 1):  # each process dies at once
        client.receive_message(QueueUrl=url, VisibilityTimeout=0)
    (dead,) = await bus.dead_letters(MAIL.name, 10)
    assert dead.message.id == "1"
    assert "not handled in 20 deliveries" in dead.failures[-1].cause


@pytest.mark.server
async def test_retry_after_more_than_the_longest_delay_waits(bus: SqsBus, clock: Clock) -> None:
    """The message is delivered before its retry is due, and is hidden again."""
    await bus.declare([MAIL], deadline())
    await publish(bus, ["1"])
    inbox = await consume(bus)
    (first,) = await inbox.take()
    outgoing = encode(first.message, 2, due=clock() + MAX_DELAY + 2, now=clock())
    await bus._queues.send(bus.names.queue(MAIL.name), [outgoing._replace(delay=0)])
    await bus.ack(first)

    async def is_hidden() -> bool:
        return (await bus.depth(MAIL.name))[:2] == (0, 1)

    await eventually(is_hidden)
    assert not inbox.received
