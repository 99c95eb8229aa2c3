"""The clock that a test's keys, limits and stored responses use."""

from __future__ import annotations

import time

MAX_ADVANCE = 1e9
"""Seconds, about 30 years."""


class Clock:
    """Return the real time plus the seconds added by `advance`."""

    def __init__(self) -> None:
        self._offset = 0.0

    def advance(self, seconds: float) -> None:
        """Move the clock forward. Raises ValueError for a negative or too large number."""
        if not 0 <= seconds < MAX_ADVANCE:  # written so that it also refuses NaN
            raise ValueError(
                f"the clock can move forward by less than {MAX_ADVANCE:g} s, not by {seconds}"
            )
        self._offset += seconds

    def time(self) -> float:
        """Return Unix seconds."""
        return time.time() + self._offset

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return time.monotonic() + self._offset

    def nanoseconds(self) -> int:
        """Return nanoseconds that never go back."""
        return time.monotonic_ns() + int(self._offset * 1e9)
