"""Run writers one at a time while they conflict too often."""

from __future__ import annotations

WEIGHT = 0.1  # weight of the latest transaction in the moving average
MAX_CONFLICT_SHARE = 0.3  # above this share of conflicts, writers run one at a time
DECAY = 0.98  # factor per exclusive writer, so that writers run concurrently again later


class WriteRetries:
    """Track the share of concurrent write transactions that had to be retried."""

    def __init__(self) -> None:
        self._share = 0.0

    def should_serialize(self) -> bool:
        """Return whether the next writer should run alone from its first attempt."""
        return self._share > MAX_CONFLICT_SHARE

    def record_conflict(self) -> None:
        """Count an attempt that must be retried."""
        self._share += WEIGHT * (1.0 - self._share)

    def record_success(self, *, alone: bool) -> None:
        """Count a commit; a transaction that ran `alone` lowers the share only slightly."""
        self._share *= DECAY if alone else 1.0 - WEIGHT
