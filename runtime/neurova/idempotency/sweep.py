"""Delete expired replies of idempotent calls in the background, in small batches."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from random import uniform

from ..database.base import Database

LOGGER = logging.getLogger("neurova")
INTERVAL = 600.0  # seconds between two rounds, with jitter: processes must not start together
PAUSE = 0.05  # seconds between two batches, in which others can write


async def sweep_periodically(
    databases: Callable[[], Iterable[Database]], interval: float = INTERVAL
) -> None:
    """Sweep these databases until cancelled; one that fails is tried again in the next round."""
    while True:
        await asyncio.sleep(uniform(0.5, 1.5) * interval)  # noqa: S311 - jitter, no secret
        for database in databases():
            try:
                await sweep(database)
            except Exception as error:
                LOGGER.warning("Deleting expired idempotent replies failed: %s", error)


async def sweep(database: Database, pause: float = PAUSE) -> int:
    """Delete all expired replies of a database; return how many."""
    deleted = 0
    while batch := await database.delete_expired():
        deleted += batch
        await asyncio.sleep(pause)
    return deleted
