"""Delete expired stored replies in the background, in small batches."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from random import uniform

from ..database.base import Database

LOGGER = logging.getLogger("neurova")
INTERVAL = 600.0  # seconds between two rounds; jitter spreads the processes
PAUSE = 0.05  # seconds between two batches, so that others can write


async def sweep_periodically(
    databases: Callable[[], Iterable[Database]], interval: float = INTERVAL
) -> None:
    """Sweep the databases periodically until cancelled; log failures."""
    while True:
        await asyncio.sleep(uniform(0.5, 1.5) * interval)  # noqa: S311 - jitter, no secret
        for database in databases():
            try:
                await sweep(database)
            except Exception as error:
                LOGGER.warning("Deleting expired idempotent replies failed: %s", error)


async def sweep(database: Database, pause: float = PAUSE) -> int:
    """Delete all expired replies of a database; return their number."""
    deleted = 0
    while batch := await database.delete_expired():
        deleted += batch
        await asyncio.sleep(pause)
    return deleted
