"""Admission control: start calls in order of arrival, and refuse calls that waited too long."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import inf
from time import monotonic, thread_time
from typing import Protocol

MAX_WAIT = 1.0  # seconds; a call that has waited longer for its turn is refused
BUSY = 0.01  # seconds of calls per event-loop iteration; further calls wait for their turn
TURNS = 0.002  # seconds of waiting calls (at least one) between two polls of the event loop
REFUSING = 0.1  # maximum share of the CPU time for refusals; further refusals wait
SHORTEST = 0.0002  # seconds of CPU time that refusals may always use
LAG = 0.05  # seconds; if the event loop lags longer, fewer calls may be in flight
MINIMUM, INITIAL = 8, 64  # limit of calls in flight: its lower bound; its value before any lag
FAST, SLOW = 2.0, 1.15  # growth factor of the limit per check without lag: normally, after a lag


class Waiter(Protocol):
    """A connection with a request that is not parsed yet."""

    def take_turn(self) -> None:
        """Parse the request and start its call."""
        ...


class Admission:
    """Queue connections while the worker `is_busy`, and refuse them after MAX_WAIT.

    A call that starts after `busy_after` (wall clock) makes the worker busy, because the calls of
    this event-loop iteration have used up their time. Refusals are sent only after MAX_WAIT and at
    a limited rate, so that clients that retry at once cannot keep the worker from serving.

    `limit` bounds the calls in flight, because their tasks delay the event loop too. If the event
    loop lags in two consecutive checks, `limit` is reduced in proportion to the lag. Calls that
    only wait for I/O cause no lag: `limit` grows with their number, and halves when they end.
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
        self._used = used  # returns the CPU time of the event loop's thread
        self._last_used = used()
        self._last_lag = 0.0
        self._growth = FAST

    @property
    def has_next(self) -> bool:
        """Return whether a waiting connection may take its turn, or be refused, now."""
        return bool(self.expired or (self.waiting and self.in_flight < self.limit))

    def begin_call(self) -> None:
        """Count a call whose reply is pending."""
        self.in_flight += 1
        if self.in_flight >= self.limit:
            self.is_busy = True

    def end_call(self) -> None:
        """Record the end of a call that `begin_call` counted."""
        self.in_flight -= 1

    def record_lag(self, seconds: float) -> None:
        """Record how late the event loop ran a timer."""
        lag = min(seconds, self._last_lag)  # ignore a single lag, e.g. of a suspended machine
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
        """Let waiting connections take turns for TURNS seconds, then refuse expired connections."""
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
