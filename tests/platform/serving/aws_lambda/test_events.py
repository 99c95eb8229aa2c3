"""Events and schedules of a Lambda function with moto's SNS and SQS.

Each container has its own platform, as on Lambda. The tests receive messages from SQS and
convert them to Lambda events, like Lambda's event source mapping.
"""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import pytest
from tests.contracts.registries import served
from tests.platform.serving.aws_lambda.events import payload_2
from tests.servers.ports import free_ports
from tests.servers.postgres import PostgresServer

from neurova.bus.base import Queue
from neurova.bus.sqs.api import Api
from neurova.bus.sqs.declare import declare
from neurova.bus.sqs.names import Names
from neurova.errors import ConfigError, NeurovaError
from neurova.schemas.sqlite import SqliteRegistry
from neurova_platform.serving.aws_lambda import publishing
from neurova_platform.serving.aws_lambda.container import Container, load_settings

pytestmark = pytest.mark.server

PROJECT = Path(__file__).parents[3] / "sales"
KEEP = Queue("shop.keep", ("shop.Sold",))


class Context(NamedTuple):
    seconds: float = 30.0

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)


class Deployment:
    """The project as a Lambda function, with its queues and database."""

    def __init__(self, database: str, postgres: PostgresServer, prefix: str) -> None:
        self.names = Names("eu-central-1", "123456789012", prefix)
        self.sqs = boto3.client("sqs")
        self._database = database
        self._postgres = postgres
        self._containers: list[Container] = []

    def start(self) -> Callable[..., Any]:
        """Start a container; return a function that invokes it with an event."""
        container = Container(load_settings())
        container.start()
        self._containers.append(container)
        return lambda event, seconds=30.0: container.handle(event, Context(seconds))

    def stop(self) -> None:
        for each in self._containers:
            each.stop()

    def receive(self, queue: str = "") -> dict[str, Any]:
        """Receive a batch of messages from SQS as a Lambda event."""
        name = queue or self.names.queue(KEEP.name)
        received = self.sqs.receive_message(
            QueueUrl=self.sqs.get_queue_url(QueueName=name)["QueueUrl"],
            MaxNumberOfMessages=10,
            MessageAttributeNames=["All"],
            WaitTimeSeconds=3,
        )
        return {"Records": [self._record(each, name) for each in received.get("Messages", ())]}

    def _record(self, message: dict[str, Any], queue: str) -> dict[str, Any]:
        attributes = message.get("MessageAttributes", {})
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": {},
            "messageAttributes": {
                name: {"stringValue": each["StringValue"], "dataType": "String"}
                for name, each in attributes.items()
            },
            "eventSource": "aws:sqs",
            "eventSourceARN": self.names.queue_arn(queue),
        }

    def select(self, query: str) -> list[Any]:
        return [row[0] for row in self._postgres.run(query, self._database)]


@pytest.fixture
def deployment(
    aws: str,
    postgres: PostgresServer,
    redis_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Deployment]:
    database, prefix = postgres.create(), f"t{secrets.token_hex(6)}"
    registry = SqliteRegistry(tmp_path / "registry.db")
    with served(registry) as schemas:
        variables = {
            "SERVICES_SHOP_DATABASE": database,
            "GATEWAY_KEYS": database,
            "GATEWAY_LIMITS": redis_url,
            "BUS_URL": f"sqs://eu-central-1/{prefix}",
            "SCHEMAS_URL": schemas,
        }
        for name, value in variables.items():
            monkeypatch.setenv(f"NEUROVA_{name}", value)
        monkeypatch.chdir(PROJECT)
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        monkeypatch.setattr(publishing, "PUBLISH_SECONDS", 25.0)  # allow time on a busy machine
        found = Deployment(database, postgres, prefix)
        api = Api("eu-central-1")
        declare(api, found.names, [KEEP])
        api.close()
        found.start()({"neurova": "migrate"})
        yield found
        found.stop()
    registry.close()


def test_event_of_a_call_takes_effect_once(deployment: Deployment) -> None:
    """A batch is delivered twice; one of ten messages fails, is retried, and becomes dead."""
    invoke = deployment.start()
    assert invoke(payload_2("POST", "/sell/10"))["statusCode"] == 204
    batch = deployment.receive()
    assert len(batch["Records"]) == 10
    assert deployment.select("SELECT count(*) FROM nv_outbox") == [0]
    for _ in range(2):
        assert invoke(batch) == {"batchItemFailures": []}
    expected = [*range(7), 8, 9]
    assert deployment.select("SELECT number FROM kept ORDER BY number") == expected
    retry = deployment.receive()
    attempts = [each["messageAttributes"]["attempt"]["stringValue"] for each in retry["Records"]]
    assert set(attempts) == {"2"}
    assert deployment.start()(retry) == {"batchItemFailures": []}
    assert deployment.select("SELECT number FROM kept ORDER BY number") == expected
    dead = deployment.receive(deployment.names.dead(KEEP.name))["Records"]
    causes = dead[0]["messageAttributes"]["failures"]["stringValue"]
    assert causes.count("ValueError: 7 cannot be kept (functions/shop/keep.py:") == 2


def test_messages_that_have_not_ended_are_delivered_again(deployment: Deployment) -> None:
    invoke = deployment.start()
    invoke(payload_2("POST", "/sell/2"))
    batch = deployment.receive()
    ids = [{"itemIdentifier": each["messageId"]} for each in batch["Records"]]
    assert invoke(batch, 0.0) == {"batchItemFailures": ids}
    assert invoke(batch) == {"batchItemFailures": []}
    assert deployment.select("SELECT number FROM kept ORDER BY number") == [0, 1]


def test_sweep_publishes_what_a_call_could_not(
    deployment: Deployment, aws: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (closed,) = free_ports(1)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{closed}")
    assert deployment.start()(payload_2("POST", "/sell/3"))["statusCode"] == 204
    assert deployment.select("SELECT count(*) FROM nv_outbox") == [3]
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws)
    invoke = deployment.start()
    assert invoke({"neurova": "sweep"}) == {"published": 3}
    assert invoke({"neurova": "sweep"}) == {"published": 0}
    assert len(deployment.receive()["Records"]) == 3


def test_schedule_runs_once_for_each_time(deployment: Deployment) -> None:
    """EventBridge delivers twice to each of two containers, and the sweep runs as well."""
    event = {"neurova": "run-schedule", "function": "shop.tick"}
    first, second = deployment.start(), deployment.start()
    runs = [invoke(event)["has_run"] for invoke in (first, second, first, second)]
    assert runs[0]
    first({"neurova": "sweep"})
    times = deployment.select("SELECT scheduled FROM ticks")
    assert len(times) == len(set(times)) >= 1
    with pytest.raises(NeurovaError, match=r"no schedule 'shop\.tock'.*shop\.tick"):
        first({"neurova": "run-schedule", "function": "shop.tock"})


def test_queue_without_subscription_is_an_error(deployment: Deployment) -> None:
    invoke = deployment.start()
    invoke(payload_2("POST", "/sell/1"))
    batch = deployment.receive()
    batch["Records"][0]["eventSourceARN"] += "-other"
    with pytest.raises(NeurovaError, match="no subscription has this queue"):
        invoke(batch)


def test_ordered_subscription_is_refused(
    deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = shutil.copytree(PROJECT, tmp_path / "project")
    keep = project / "functions" / "shop" / "keep.py"
    keep.write_text(keep.read_text().replace("@on(Sold,", '@on(Sold, ordered="number",'))
    monkeypatch.chdir(project)
    with pytest.raises(ConfigError, match=r"shop\.keep.*use RabbitMQ"):
        deployment.start()
