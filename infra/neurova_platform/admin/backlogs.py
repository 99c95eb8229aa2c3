"""Count the waiting messages and outbox events of a project for each scrape of /metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from neurova.database.base import Database
from neurova.errors import NeurovaError
from neurova.loading.service import discover
from neurova.settings.settings import Settings
from neurova_gateway.metrics.backlogs import Backlogs

from ..composition import queue_file
from ..composition.state import has_state

if TYPE_CHECKING:
    from neurova.dead_letters.letters import DeadLetters

TIMEOUT = 3.0  # seconds; Prometheus waits 10 s for a scrape
T = TypeVar("T")


async def read_backlogs(
    settings: Settings,
    dead_letters: Callable[[], DeadLetters],
    database: Callable[[str], Database],
) -> Backlogs:
    """Read the bus and all outboxes concurrently; mark those that do not respond as down."""
    found = Backlogs()
    services = [name for name in discover(settings.functions) if has_state(settings, name)]
    outboxes = (_read_outbox(found, name, database) for name in services)
    # Without queues, do not open the bus: opening the embedded bus would create its file.
    queues = [_read_queues(found, dead_letters)] if queue_file.read(settings.state) else []
    await asyncio.gather(*outboxes, *queues)
    return found


async def _read_queues(found: Backlogs, dead_letters: Callable[[], DeadLetters]) -> None:
    depths = await _within(found, "bus", lambda: dead_letters().depths())
    if depths is not None:
        found.queues = {queue.name: depth for queue, depth in depths}


async def _read_outbox(found: Backlogs, name: str, database: Callable[[str], Database]) -> None:
    from neurova.outbox.backlog import read_backlog  # imports SQLAlchemy, which is slow

    deadline = asyncio.get_running_loop().time() + TIMEOUT
    backlog = await _within(
        found, f"database {name}", lambda: read_backlog(database(name), deadline)
    )
    if backlog is not None:
        found.outboxes[name] = backlog


async def _within(found: Backlogs, part: str, read: Callable[[], Awaitable[T]]) -> T | None:
    try:
        async with asyncio.timeout(TIMEOUT):
            result = await read()
    except (NeurovaError, TimeoutError):
        found.up[part] = False
        return None
    found.up[part] = True
    return result
