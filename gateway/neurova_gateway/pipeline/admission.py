"""Decide when a call may start: in order of arrival, in turns, and only if it is not too late."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import inf
from time import monotonic, thread_time
from typing import Protocol

MAX_WAIT = 1.0  # seconds; a connection that has waited longer for its turn is refused
BUSY = 0.01  # seconds of calls in an event-loop iteration; further calls wait for their turn
TURNS = 0.002  # seconds of turns, or one call, between two reads and accepts of the event loop
REFUSING = 0.1  # maximum share of the processor time for refusals; further ones wait
SHORTEST = 0.0002  # seconds of refusals that are always allowed
LAG = 0.05  # seconds; while the event loop lags longer, fewer calls may be in flight
MINIMUM, INITIAL = 8, 64  # calls that may be in flight: always; unless there was lag
FAST, SLOW = 2.0, 1.15  # growth of the limit per check without lag: before, after a lag


class Waiter(Protocol):
    """A connection with a request that has not been parsed."""

    def take_turn(self) -> None:
        """Parse the request and start its call."""
        ...


class Admission:
    """Let connections wait for their turn while the worker `is_busy`; refuse after MAX_WAIT.

    A call that starts after `busy_after` (wall clock) makes the worker busy: the calls of this
    event-loop iteration have taken long enough. A refusal is sent after MAX_WAIT and at a limited
    rate, so clients that retry at once cannot keep the worker from serving.

    Tasks of calls in flight delay the event loop too. If it lags in two checks in a row, `limit`
    follows from the calls in flight and the lag. Calls that only wait cause no lag: the limit grows
    as they do, and then halves as they end.
    """

    def __init__(
        self, clock: Callable[[], float] = monotonic, used: Callable[[], float] = thread_time
    ) -> None:
        self.is_busy = False
        self.busy_after = inf
        self.is_refusing = False
        self.refused = 0
        self.in_flight = 0
        self.limit: float = INITIAL
        self.waiting: deque[tuple[float, Waiter]] = deque()
        self.expired: deque[Waiter] = deque()
        self.clock = clock
        self._used = used  # the processor time of the event loop
        self._last_used = used()
        self._last_lag = 0.0
        self._growth = FAST

    @property
    def has_next(self) -> bool:
        """Return whether a connection waits that may have a turn, or be refused, now."""
        return bool(self.expired or (self.waiting and self.in_flight < self.limit))

    def begin_call(self) -> None:
        """Count a call that is answered later."""
        self.in_flight += 1
        if self.in_flight >= self.limit:
            self.is_busy = True

    def end_call(self) -> None:
        """Record that such a call has ended."""
        self.in_flight -= 1

    def record_lag(self, seconds: float) -> None:
        """Record how late the event loop ran a timer."""
        lag = min(seconds, self._last_lag)  # one long lag may be a suspended machine
        self._last_lag = seconds
        if lag > LAG:
            self.limit = max(MINIMUM, self.in_flight * LAG / lag)
            self._growth = SLOW
        elif not self.waiting and self.in_flight < self.limit / 2:
            self.limit = max(INITIAL, self.limit / 2)
            self._growth = FAST
        elif seconds <= LAG:
            self.limit = max(self.limit, self.in_flight) * self._growth

    def wait(self, waiter: Waiter) -> None:
        """Add a connection at the end of the queue."""
        self.waiting.append((self.clock(), waiter))

    def run_turns(self) -> None:
        """Give turns to waiting connections for TURNS seconds, then refuse expired ones."""
        now = self.clock()
        end = now + TURNS
        while self.waiting and now < end:
            since, waiter = self.waiting[0]
            is_expired = now - since > MAX_WAIT
            if not is_expired and self.in_flight >= self.limit:
                break
            self.waiting.popleft()
            if is_expired:
                self.expired.append(waiter)
            else:
                waiter.take_turn()
                now = self.clock()
        if self.expired:
            self._refuse()
        self._last_used = self._used()
        self.busy_after = inf
        self.is_busy = bool(self.waiting) or self.in_flight >= self.limit

    def _refuse(self) -> None:
        now = self._used()
        end = now + max((now - self._last_used) * REFUSING, SHORTEST)
        self.is_refusing, self.busy_after = True, -inf
        while self.expired:
            self.expired.popleft().take_turn()
            if self._used() >= end:
                break
        self.is_refusing = False
