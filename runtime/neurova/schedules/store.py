"""The state of schedules in a service's database: the table nv_schedule."""

from __future__ import annotations

import msgspec

from ..database.base import Transaction

_REGISTER = (
    "INSERT INTO nv_schedule (name, schedule, finished, pending, attempt, due) "
    "VALUES ($1, $2, $3, 0, 0, 0) ON CONFLICT (name) DO UPDATE "
    "SET schedule = excluded.schedule, finished = excluded.finished, attempt = 0, due = 0 "
    "WHERE nv_schedule.schedule <> excluded.schedule OR nv_schedule.finished > $4"
)
_FIND = "SELECT finished, pending, attempt, due FROM nv_schedule WHERE name = $1"
_FINISH = (
    "UPDATE nv_schedule SET finished = $2, attempt = 0, due = 0 "
    "WHERE name = $1 AND finished < $2 RETURNING 1"
)
_POSTPONE = (
    "UPDATE nv_schedule SET pending = $2, attempt = $3, due = $4 "
    "WHERE name = $1 AND finished < $2 RETURNING 1"
)


class ScheduleState(msgspec.Struct, frozen=True):
    """The recorded state of a schedule; times are in Unix seconds.

    `finished` is the latest occurrence that needs no further run. `attempt` runs of the occurrence
    `pending` have failed; the next run is due at `due`.
    """

    finished: float
    pending: float
    attempt: int
    due: float


async def register(tx: Transaction, name: str, schedule: str, now: float, latest: float) -> None:
    """Record a new or changed schedule: its first occurrence is after `now`.

    A recorded occurrence after `latest` comes from a wrong clock and is replaced.
    """
    await tx.run_sql(_REGISTER, (name, schedule, now, latest))


async def find_state(tx: Transaction, name: str) -> ScheduleState | None:
    """Return the state of a schedule, None if it is not registered."""
    rows = await tx.run_sql(_FIND, (name,))
    return ScheduleState(*rows[0]) if rows else None


async def finish(tx: Transaction, name: str, occurrence: float) -> bool:
    """Record that an occurrence needs no further run; return False if it already was recorded."""
    return bool(await tx.run_sql(_FINISH, (name, occurrence)))


async def postpone(tx: Transaction, name: str, occurrence: float, attempt: int, due: float) -> bool:
    """Record a failed attempt; return whether the occurrence still needs a run."""
    return bool(await tx.run_sql(_POSTPONE, (name, occurrence, attempt, due)))
