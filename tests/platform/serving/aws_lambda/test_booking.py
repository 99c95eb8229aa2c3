"""The Booking suite against awslambdaric in AWS's Lambda emulator."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import count

import pytest
import redis
from tests.functions.booking.test_http import *  # noqa: F403 - the suite, run here too
from tests.functions.booking.test_http import SCOPES, STAY
from tests.platform.serving.aws_lambda.conftest import Deployed
from tests.platform.serving.aws_lambda.events import LambdaPlatform, alb, payload_2
from tests.servers.postgres import PostgresServer
from tests.servers.rie import LambdaError

pytestmark = pytest.mark.server
PATIENCE = 60.0  # seconds to wait until events are published


@pytest.fixture
def place() -> None:
    """Override the suite's fixture: the function has its own database."""


@pytest.fixture(scope="module")
def migrated(deployed: Deployed) -> Deployed:
    with pytest.raises(LambdaError, match="neurova db upgrade booking"):
        deployed.function.invoke(alb("GET", "/rooms"))
    assert deployed.function.invoke({"neurova": "migrate"})["booking"]
    assert deployed.function.invoke({"neurova": "migrate"})["booking"] == []
    return deployed


@pytest.fixture
def platform(migrated: Deployed, postgres: PostgresServer) -> Iterator[LambdaPlatform]:
    """Override the suite's fixture: return the function, without bookings."""
    postgres.run("TRUNCATE bookings CASCADE", migrated.database)
    platform = LambdaPlatform(migrated.function, migrated.database)
    yield platform
    platform.close()


def test_event_is_confirmed_and_logged_before_the_answer(
    platform: LambdaPlatform, migrated: Deployed, postgres: PostgresServer
) -> None:
    def book(night: int) -> int:
        arrival = date(2016, 8, 1) + timedelta(night)
        stay = STAY | {"room_type": "a", "arrival": arrival.isoformat()}
        assert platform.post("/bookings", json=stay, scopes=SCOPES).status == 201
        ((waiting,),) = postgres.run("SELECT count(*) FROM nv_outbox", migrated.database)
        return int(waiting)

    end = time.monotonic() + PATIENCE
    nights = count()
    while book(next(nights)):  # connecting to the bus may make the first call too slow
        assert time.monotonic() < end
    assert book(next(nights)) == 0
    lines = migrated.function.lines()
    logged = [line for line in lines if line.get("route") == "booking.create_booking"]
    assert (logged[-1]["status"], logged[-1]["consumer"]) == (201, "tester")


def test_revoked_key_is_refused_by_the_first_call_after_a_suspension(
    platform: LambdaPlatform, migrated: Deployed
) -> None:
    key = platform.key("ada", frozenset(SCOPES))
    event = payload_2("GET", "/rooms", [("x-api-key", key)])
    assert migrated.function.invoke(event)["statusCode"] == 200
    migrated.function.signal(signal.SIGSTOP)
    platform.revoke_keys()
    time.sleep(1.2)  # longer than a cached key may be used
    migrated.function.signal(signal.SIGCONT)
    assert migrated.function.invoke(event)["statusCode"] == 401
    again = payload_2("GET", "/rooms", [("x-api-key", platform.key("bob", frozenset(SCOPES)))])
    assert migrated.function.invoke(again)["statusCode"] == 200


def test_connections_that_ended_during_a_suspension_are_opened_again(
    platform: LambdaPlatform, migrated: Deployed, postgres: PostgresServer, redis_url: str
) -> None:
    assert platform.get("/rooms", scopes=SCOPES).status == 200
    migrated.function.signal(signal.SIGSTOP)
    postgres.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name "
        "LIKE 'neurova%' AND datname = current_database()",
        migrated.database,
    )
    redis.Redis.from_url(redis_url).client_kill_filter(_type="normal", skipme=True)
    time.sleep(1.2)  # longer than a cached key may be used
    migrated.function.signal(signal.SIGCONT)
    assert platform.get("/rooms", scopes=SCOPES).status == 200
    assert platform.post("/bookings", json=STAY, scopes=SCOPES).status == 201
