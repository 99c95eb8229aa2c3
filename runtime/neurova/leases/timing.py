"""Decide when leases are renewed and replaced; no I/O, the time is passed in."""

from __future__ import annotations

import math
from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple

import msgspec

RENEW_AT = 2 / 3  # share of the lease's duration
JITTER = 0.1  # share of the duration: renew up to this much earlier, to spread renewals
FULL = 0.9  # a grant below this share of the first one means: near the max TTL of the lease
SHORTEST_PAUSE, LONGEST_PAUSE = 0.05, 5.0  # seconds between attempts
PAUSES = 20  # number of attempts in the remaining time of a lease


class Lease(msgspec.Struct, frozen=True):
    """A lease that Vault granted at `granted` for `seconds`, infinity if it never expires.

    `granted` is the time when the request was sent, so the lease never ends before `ends`. `full`
    is the duration of the first grant in seconds. `jitter` is random, from 0 to 1.
    """

    granted: float
    seconds: float
    full: float
    is_renewable: bool
    jitter: float = 0.0

    @property
    def ends(self) -> float:
        """Return when the lease ends unless it is renewed."""
        return self.granted + self.seconds

    @property
    def is_due_at(self) -> float:
        """Return when to renew or replace the lease."""
        if self.seconds < FULL * self.full:  # near its max TTL: a renewal would not extend it
            return self.granted
        return self.granted + self.seconds * (RENEW_AT - JITTER * self.jitter)

    @property
    def must_be_replaced(self) -> bool:
        """Return whether a renewal would not extend the lease."""
        return not self.is_renewable or self.seconds < FULL * self.full

    def renewed(self, now: float, seconds: float, jitter: float) -> Lease:
        """Return the lease after a renewal requested at `now`; its end never moves back.

        Vault rounds `seconds` down, to 0 in the last second before the max TTL.
        """
        seconds = max(seconds, self.ends - now)
        return msgspec.structs.replace(self, granted=now, seconds=seconds, jitter=jitter)


class Action(Enum):
    """What to do with a set of leases that end together."""

    WAIT = "wait"
    RENEW = "renew"
    REPLACE = "replace"


class Step(NamedTuple):
    """The next action and its time."""

    action: Action
    at: float


def next_step(leases: Iterable[Lease], now: float) -> Step:
    """Return the action due at `now`, or WAIT and the time of the next action.

    The leases are replaced together: when a token expires, Vault revokes all leases created with
    it.
    """
    leases = list(leases)
    due = [each for each in leases if each.is_due_at <= now]
    if not due:
        return Step(Action.WAIT, min((each.is_due_at for each in leases), default=math.inf))
    replace = any(each.must_be_replaced or each.ends <= now for each in due)
    return Step(Action.REPLACE if replace else Action.RENEW, now)


def pause_after_failure(remaining: float, jitter: float) -> float:
    """Return the seconds until the next attempt, `remaining` seconds before the lease ends."""
    longest = min(max(remaining / PAUSES, SHORTEST_PAUSE), LONGEST_PAUSE)
    return longest * (1 - jitter / 2)
