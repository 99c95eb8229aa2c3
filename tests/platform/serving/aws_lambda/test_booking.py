"""The Booking suite against awslambdaric under AWS's emulator of the runtime."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.functions.booking.test_http import *  # noqa: F403 - the suite, run here too
from tests.platform.serving.aws_lambda.conftest import Deployed
from tests.platform.serving.aws_lambda.events import LambdaPlatform, alb
from tests.servers.postgres import PostgresServer
from tests.servers.rie import LambdaError

pytestmark = pytest.mark.server


@pytest.fixture
def place() -> None:
    """Replace the fixture of the suite: the function has its own database."""


@pytest.fixture(scope="module")
def migrated(deployed: Deployed) -> Deployed:
    with pytest.raises(LambdaError, match="neurova db upgrade booking"):
        deployed.function.invoke(alb("GET", "/rooms"))
    assert deployed.function.invoke({"neurova": "migrate"})["booking"]
    assert deployed.function.invoke({"neurova": "migrate"})["booking"] == []
    return deployed


@pytest.fixture
def platform(migrated: Deployed, postgres: PostgresServer) -> Iterator[LambdaPlatform]:
    """Replace the fixture of the suite by the function, without bookings."""
    postgres.run("TRUNCATE bookings CASCADE", migrated.database)
    platform = LambdaPlatform(migrated.function, migrated.database)
    yield platform
    platform.close()
