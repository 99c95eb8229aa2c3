"""Stop connecting to a server that is down, and retry at growing intervals."""

from __future__ import annotations

import random
from collections.abc import Callable
from time import monotonic

from ...errors import Unavailable

FIRST_PAUSE = 0.05  # seconds after the first failure
LONGEST_PAUSE = 1.0


class CircuitBreaker:
    """Let every caller connect while the server answers, one at a time after a failure.

    `clock` returns seconds.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._failures = 0
        self._retry_at = 0.0
        self._what = ""

    def check(self) -> None:
        """Return when the caller may connect. Raises Unavailable after a recent failure."""
        if not self._failures:
            return
        now = self._clock()
        if now < self._retry_at:
            raise Unavailable(f"{self._what}; the next attempt is within {LONGEST_PAUSE:g} s")
        self._retry_at = now + LONGEST_PAUSE  # the others wait for the result of this attempt

    def record_failure(self, error: Exception) -> None:
        """Start a pause, longer after each failure in a row."""
        longest = min(FIRST_PAUSE * 2**self._failures, LONGEST_PAUSE)
        self._failures = min(self._failures + 1, 16)
        # The jitter spreads the attempts of processes that lost the server at the same time.
        self._retry_at = self._clock() + random.uniform(longest / 2, longest)  # noqa: S311 - jitter
        self._what = str(error)

    def record_success(self) -> None:
        """Let every caller connect again."""
        self._failures = 0

    def record_cancelled(self) -> None:
        """Let the next caller connect: this attempt was cancelled before its result."""
        if self._failures:
            self._retry_at = self._clock()
