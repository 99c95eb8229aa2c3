"""Delete handled messages in batches."""

from __future__ import annotations

import asyncio

from ...errors import NeurovaError
from .messages import Handle
from .queues import Queues


class Deletions:
    """Batch deletions: messages that arrive during a call are deleted by the next call."""

    def __init__(self, queues: Queues) -> None:
        self._queues = queues
        self._waiting: list[tuple[Handle, asyncio.Future[None]]] = []
        self._task: asyncio.Task[None] | None = None

    async def delete(self, handle: Handle) -> None:
        """Wait until SQS has deleted the message. Raises NeurovaError."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((handle, future))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        await future

    async def _run(self) -> None:
        while self._waiting:
            waiting, self._waiting = self._waiting, []
            error = None
            try:
                await self._queues.delete([handle for handle, _ in waiting])
            except NeurovaError as raised:
                error = raised
            for _, future in waiting:
                if future.done():  # its task was cancelled
                    continue
                if error is None:
                    future.set_result(None)
                else:
                    future.set_exception(error)
