"""Open and check the backends of the bus."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from neurova.bus.base import Bus, Queue
from neurova.server_url import split_server_url


def open_sqlite_bus(path: Path, clock: Callable[[], float]) -> Bus:
    """Return the embedded bus, stored in a SQLite file."""
    from neurova.bus.sqlite.bus import SqliteBus

    return SqliteBus(path, clock)


def check_sqlite_bus(path: Path) -> str:
    """Return one line about the state of the embedded bus."""
    if not path.exists():
        return f"{path}: not created yet"

    async def check() -> None:
        from neurova.bus.sqlite.bus import SqliteBus

        bus = SqliteBus(path)
        await bus.start()
        await bus.close()

    asyncio.run(check())
    return f"{path}: can be used"


def open_rabbitmq_bus(url: str, clock: Callable[[], float]) -> Bus:
    """Return the bus that uses RabbitMQ."""
    from neurova.bus.rabbitmq.bus import RabbitBus

    logging.getLogger("pika").setLevel(logging.CRITICAL)  # the bus reports the same errors
    return RabbitBus(url, clock)


def check_rabbitmq_bus(url: str) -> str:
    """Return one line about the state of RabbitMQ."""

    async def check() -> None:
        bus = open_rabbitmq_bus(url, time.time)
        await bus.start()
        await bus.close()

    asyncio.run(check())
    return f"RabbitMQ at {urlsplit(url).hostname}: can be used"


def find_rabbitmq_fault(url: str) -> str:
    """Return the error in a RabbitMQ URL and its fix, never showing the URL itself."""
    parts = split_server_url(url)
    if parts is None or "/" in parts.path[1:]:
        form = "amqp://user@host:5672/vhost, with special characters percent-encoded"
        return f"is not a URL of RabbitMQ: write {form}"
    if find_spec("pika") is None:
        return "needs the RabbitMQ driver: run `pip install pika`"
    return ""


def open_sqs_bus(url: str, clock: Callable[[], float]) -> Bus:
    """Return the bus that uses Amazon SNS and SQS."""
    from neurova.bus.sqs.bus import SqsBus
    from neurova.bus.sqs.names import find_location

    for name in ("boto3", "botocore"):
        logging.getLogger(name).setLevel(logging.WARNING)  # hide where credentials come from
    location = find_location(url)
    assert location is not None, "find_sqs_fault has accepted it"
    return SqsBus(location, clock)


def check_sqs_bus(url: str) -> str:
    """Return one line about the credentials for SQS."""

    async def check() -> str:
        from neurova.bus.sqs.bus import SqsBus

        bus = open_sqs_bus(url, time.time)
        assert isinstance(bus, SqsBus)
        try:
            await bus.start()
            return f"SQS in {bus.names.region}: the credentials are of account {bus.names.account}"
        finally:
            await bus.close()

    return asyncio.run(check())


def find_missing_queues(url: str, queues: Sequence[Queue]) -> list[str]:
    """Return the names of the queues that do not exist on SQS.

    Raises ConfigError if SQS does not support one of the queues.
    """

    async def find() -> list[str]:
        from neurova.bus.sqs.bus import SqsBus

        bus = open_sqs_bus(url, time.time)
        assert isinstance(bus, SqsBus)
        try:
            await bus.start()
            return await bus.find_missing(queues)
        finally:
            await bus.close()

    return asyncio.run(find())


def find_sqs_fault(url: str) -> str:
    """Return the error in an SQS URL and its fix."""
    from neurova.bus.sqs.names import find_location

    if find_location(url) is None:
        return "is not a URL of SQS: write sqs://eu-central-1/prefix, of a region and a name"
    if find_spec("boto3") is None:
        return "needs the client of AWS: run `pip install boto3`"
    return ""
