"""The table of backends: every row names existing functions, every location matches a row."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from neurova.database.postgres.url import PostgresUrl
from neurova.errors import ConfigError
from neurova_platform.composition.backends import BACKENDS, find_backend, find_fault, load_function

ROWS = [
    pytest.param(name, id=f"{port}-{scheme}-{name.partition(':')[2]}")
    for port, schemes in BACKENDS.items()
    for scheme, backend in schemes.items()
    for name in backend
    if name
]


@pytest.mark.parametrize("name", ROWS)
def test_row_names_a_function_that_exists(name: str) -> None:
    assert callable(load_function(name))


@pytest.mark.parametrize(
    ("port", "location", "scheme"),
    [
        ("database", Path("/data/booking.db"), "file"),
        ("database", PostgresUrl("postgresql://h/d"), "postgresql"),
        ("database", "postgres://h/d", "postgresql"),
        ("keys", "sqlite:////state/keys.db", "sqlite"),
        ("limits", "file:///state/limits.table", "file"),
        ("bus", "amqps://user@h/v", "amqp"),
        ("bus", "sqs://eu-central-1/shop", "sqs"),
    ],
)
def test_location_finds_its_backend(port: str, location: object, scheme: str) -> None:
    assert find_backend(port, location) is BACKENDS[port][scheme]


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("amqp://user:secret@h:5672/v", ""),
        ("amqps://h", ""),
        ("amqp://user:secret@h:x/v", "is not a URL of RabbitMQ"),
        ("amqp://user:secret@/v", "is not a URL of RabbitMQ"),
        ("amqp://user:sec/ret@h/v", "is not a URL of RabbitMQ"),
        ("redis://user:secret@h", "has an unknown URL scheme 'redis'"),
        ("sqs://eu-central-1/shop-prod", ""),
        ("sqs://eu-central-1", "is not a URL of SQS"),
        ("sqs://eu-central-1/shop/prod", "is not a URL of SQS"),
        ("sqs://user:secret@eu-central-1/shop", "is not a URL of SQS"),
    ],
)
def test_wrong_url_of_the_bus_is_explained_without_password(url: str, fault: str) -> None:
    found = find_fault("bus", url)
    assert (found.startswith(fault), bool(found)) == (True, bool(fault))
    assert "secret" not in found


@pytest.mark.parametrize(
    ("module", "url", "fix"),
    [
        ("pika", "amqp://h", "run `pip install pika`"),
        ("boto3", "sqs://eu-west-1/shop", "run `pip install boto3`"),
    ],
)
def test_missing_driver_of_the_bus_is_named(
    module: str, url: str, fix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    assert find_fault("bus", url).endswith(fix)


def test_unknown_scheme_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="use one of file, postgresql"):
        find_backend("database", "mysql://h/d")
