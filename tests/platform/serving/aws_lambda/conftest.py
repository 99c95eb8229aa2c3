"""A project as a Lambda function in AWS's emulator with the real runtime client."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.contracts.registries import served
from tests.servers.postgres import PostgresServer
from tests.servers.rabbitmq import RabbitServer
from tests.servers.rie import LambdaFunction, running_function

from neurova.schemas.sqlite import SqliteRegistry

PROJECT = Path(__file__).parents[4]


class Deployed(NamedTuple):
    """A function, and the URLs of the servers that it uses."""

    function: LambdaFunction
    database: str
    bus: str


@pytest.fixture(scope="module")
def deployed(
    postgres: PostgresServer,
    redis_url: str,
    rabbitmq: RabbitServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Deployed]:
    """Run the project of this folder with migrated databases."""
    database, bus = postgres.create(), rabbitmq.create()
    registry = SqliteRegistry(tmp_path_factory.mktemp("registry") / "registry.db")
    with served(registry) as schemas:
        variables = {
            "NEUROVA_SERVICES_BOOKING_DATABASE": database,
            "NEUROVA_SERVICES_CRM_DATABASE": postgres.create(),
            "NEUROVA_GATEWAY_KEYS": database,
            "NEUROVA_GATEWAY_LIMITS": redis_url,
            "NEUROVA_BUS_URL": bus,
            "NEUROVA_SCHEMAS_URL": schemas,
        }
        with running_function(PROJECT, variables) as function:
            yield Deployed(function, database, bus)
    registry.close()
