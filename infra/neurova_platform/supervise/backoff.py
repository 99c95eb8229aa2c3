"""How long a place stays empty before the next worker is tried."""

from __future__ import annotations

STEADY = 10.0  # seconds of life after which a death says nothing about the next one
AT_ONCE = 3  # deaths in a row after which there is a wait
FIRST = 0.1
MOST_SERVED = 1.0
MOST_FAILED = 30.0


class Backoff:
    """Give the seconds to wait before each next try.

    A worker that had served is replaced at once; when more than three such deaths follow each other
    closely, at most a second later: an outage is worse than a start. One that cannot even start
    is tried again ever later, up to half a minute.
    """

    def __init__(self) -> None:
        self._tries = 0

    def died(self, lived: float) -> float:
        """Return the wait after the death of one that had served for `lived` seconds."""
        if lived >= STEADY:
            self._tries = 0
        self._tries += 1
        past = self._tries - AT_ONCE
        return min(FIRST * 2.0 ** (past - 1), MOST_SERVED) if past > 0 else 0.0

    def failed(self) -> float:
        """Return the wait after one that never served."""
        self._tries += 1
        return min(FIRST * 2.0 ** (self._tries + 1), MOST_FAILED)

    def forget(self) -> None:
        """Begin anew: what is tried next is something else."""
        self._tries = 0
