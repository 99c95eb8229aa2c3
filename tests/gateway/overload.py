"""Simulate overload of a worker."""

from __future__ import annotations

from itertools import count

from neurova_gateway.pipeline.admission import MAX_WAIT, Admission


def overload(admission: Admission) -> None:
    """Start no call; each clock reading is later than the longest wait of a queued call."""
    seconds = count(step=2 * MAX_WAIT)
    admission.clock = lambda: next(seconds)
    admission.limit, admission.is_busy = 0, True
