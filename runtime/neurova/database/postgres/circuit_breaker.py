"""Stop connecting to a server that is down, and retry with exponential backoff."""

from __future__ import annotations

import random
from collections.abc import Callable
from time import monotonic

from ...errors import Unavailable

FIRST_PAUSE = 0.05  # seconds after the first failure
LONGEST_PAUSE = 1.0


class CircuitBreaker:
    """Let all callers connect while the server answers; after a failure, let one at a time.

    `clock` returns seconds.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._failures = 0
        self._retry_at = 0.0
        self._what = ""

    def check(self) -> None:
        """Return if the caller may connect. Raises Unavailable after a recent failure."""
        if not self._failures:
            return
        now = self._clock()
        if now < self._retry_at:
            raise Unavailable(f"{self._what}; the next attempt is within {LONGEST_PAUSE:g} s")
        self._retry_at = now + LONGEST_PAUSE  # refuse other callers while this one connects

    def record_failure(self, error: Exception) -> None:
        """Refuse callers for a pause that grows with each consecutive failure."""
        longest = min(FIRST_PAUSE * 2**self._failures, LONGEST_PAUSE)
        self._failures = min(self._failures + 1, 16)
        # Jitter, so that processes do not reconnect at the same time.
        self._retry_at = self._clock() + random.uniform(longest / 2, longest)  # noqa: S311 - jitter
        self._what = str(error)

    def record_success(self) -> None:
        """Let all callers connect again."""
        self._failures = 0

    def record_cancelled(self) -> None:
        """Let the next caller connect: this attempt was cancelled."""
        if self._failures:
            self._retry_at = self._clock()
