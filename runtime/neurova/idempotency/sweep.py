"""Answers whose time is over, deleted in small batches, off the path of any call."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from random import uniform

from ..database.base import Database

LOGGER = logging.getLogger("neurova")
EVERY = 600.0  # seconds, more or less, between two rounds: processes do not begin together
PAUSE = 0.05  # seconds between two batches, for those who want to write


async def keep_swept(databases: Callable[[], Iterable[Database]], every: float = EVERY) -> None:
    """Sweep these databases again and again, until cancelled; one that fails is tried again."""
    while True:
        await asyncio.sleep(uniform(0.5, 1.5) * every)  # noqa: S311 - spreads, hides nothing
        for database in databases():
            try:
                await swept(database)
            except Exception as error:
                LOGGER.warning("answers past their time could not be deleted: %s", error)


async def swept(database: Database, pause: float = PAUSE) -> int:
    """Delete all answers of a database whose time is over; return how many."""
    found = 0
    while batch := await database.delete_expired():
        found += batch
        await asyncio.sleep(pause)
    return found
