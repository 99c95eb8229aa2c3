"""Replay dead letters at a limited rate, and track the status of each."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence

import msgspec

from ..errors import NeurovaError, Unavailable
from .letters import MAX_LISTED, DeadLetters, NotFound, Status

MAX_RUNNING = 4
MAX_KEPT = 100  # maximum number of replays to keep, including finished ones
MAX_GROUP = 500  # maximum number of events to move at once


class Replay(msgspec.Struct, frozen=True):
    """The progress of a replay.

    Of `total` dead letters, `missing` were no longer there and `remaining` are not yet replayed;
    the others are `handled`, `dead` again, or `waiting` for their subscription. `error`: why the
    replay stopped early; what remains can be replayed again.
    """

    id: str
    queue: str
    total: int
    remaining: int
    missing: int
    handled: int
    dead: int
    waiting: int
    error: str = ""

    @property
    def is_finished(self) -> bool:
        """Whether the progress is final."""
        return not self.waiting and (not self.remaining or bool(self.error))


class ReplayedEvent(msgspec.Struct, frozen=True):
    """An event of a replay."""

    id: str
    status: Status | str


class RunningReplay:
    """Replay the events `ids`, fixed at the start, at most `rate` per second."""

    def __init__(self, letters: DeadLetters, queue: str, ids: Sequence[str], rate: float) -> None:
        self.id = secrets.token_hex(8)
        self.queue = queue
        self.task = asyncio.create_task(self._run(rate))
        self._letters = letters
        self._statuses: dict[str, str] = dict.fromkeys(ids, "remaining")
        self._error = ""

    async def progress(self) -> Replay:
        """Return the progress of the replay."""
        statuses = list((await self.statuses()).values())
        counts = {
            name: statuses.count(name)
            for name in ("remaining", "missing", "handled", "dead", "waiting")
        }
        return Replay(self.id, self.queue, len(statuses), **counts, error=self._error)

    async def statuses(self) -> dict[str, str]:
        """Return the status of each event."""
        # Also look up dead events again: an operator may have replayed them in the meantime.
        moved = [id for id, status in self._statuses.items() if status in ("waiting", "dead")]
        if moved:
            self._statuses |= await self._letters.statuses(self.queue, moved)
        return self._statuses

    async def _run(self, rate: float) -> None:
        size = max(1, min(int(rate), MAX_GROUP))
        ids = list(self._statuses)
        group: list[str] = []
        try:
            for start in range(0, len(ids), size):
                if start:
                    await asyncio.sleep(size / rate)
                group = ids[start : start + size]
                moved = set(await self._letters.replay(self.queue, group))
                self._statuses |= {id: "waiting" if id in moved else "missing" for id in group}
        except NeurovaError as error:
            # An unknown part of this group was moved. For "waiting" events, `statuses` reads the
            # actual status.
            self._statuses |= dict.fromkeys(group, "waiting")
            self._error = str(error)


class Replays:
    """The replays of one process."""

    def __init__(self) -> None:
        self._replays: dict[str, RunningReplay] = {}

    def start(
        self, letters: DeadLetters, queue: str, ids: Sequence[str], rate: float
    ) -> RunningReplay:
        """Start a replay. Raises Unavailable if too many are running."""
        running = [each for each in self._replays.values() if not each.task.done()]
        if len(running) >= MAX_RUNNING:
            raise Unavailable(
                f"{len(running)} replays are running", fix="retry when one has finished"
            )
        for each in list(self._replays.values())[: 1 - MAX_KEPT]:
            if each.task.done():
                del self._replays[each.id]
        replay = RunningReplay(letters, queue, ids[:MAX_LISTED], rate)
        self._replays[replay.id] = replay
        return replay

    def find(self, id: str) -> RunningReplay:
        """Return a replay. Raises NotFound."""
        if id not in self._replays:
            raise NotFound(f"no replay {id!r} was started in this process")
        return self._replays[id]
