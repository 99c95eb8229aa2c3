"""When a server that does not answer may be asked again."""

from __future__ import annotations

import random
from collections.abc import Callable
from time import monotonic

from ..errors import NeurovaError, Unavailable

FIRST_PAUSE = 0.05  # seconds after the first failure
LONGEST_PAUSE = 1.0


class Recovery:
    """Refuse at once what would only find the server down; let one in a while try.

    `clock` gives seconds.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._failures = 0
        self._until = 0.0
        self._why = ""

    def enter(self) -> None:
        """Return when the server may be asked. Raises Unavailable when it was down just now."""
        if not self._failures:
            return
        now = self._clock()
        if now < self._until:
            raise Unavailable(f"{self._why}; it is asked again within {LONGEST_PAUSE:g} s")
        self._until = now + LONGEST_PAUSE  # the others wait for what this one finds

    def failed(self, error: NeurovaError) -> None:
        """Remember that the server did not answer."""
        longest = min(FIRST_PAUSE * 2**self._failures, LONGEST_PAUSE)
        self._failures = min(self._failures + 1, 16)
        # Processes that lost it together do not come back together.
        self._until = self._clock() + random.uniform(longest / 2, longest)  # noqa: S311 - jitter
        self._why = str(error)

    def answered(self) -> None:
        """Remember that the server answers."""
        self._failures = 0

    def gave_up(self) -> None:
        """Let the next one try: whoever asked had no time to wait for the answer."""
        if self._failures:
            self._until = self._clock()
