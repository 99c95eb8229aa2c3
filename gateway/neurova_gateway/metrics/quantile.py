"""Quantiles of durations that were only counted by buckets; pure."""

from __future__ import annotations

from collections.abc import Sequence

from .layout import BOUNDS


def quantile(share: float, buckets: Sequence[int]) -> float | None:
    """Return the seconds that `share` (0 to 1) of the calls stayed below, None without calls.

    Within its bucket a call may lie anywhere: what is returned is between the bucket's ends, as if
    they lay evenly. What lies behind the last bound is said to be that bound.
    """
    wanted = share * sum(buckets)
    if not wanted:
        return None
    below, start = 0, 0.0
    for end, count in zip(BOUNDS, buckets, strict=False):
        if count and below + count >= wanted:
            return start + (end - start) * (wanted - below) / count
        below, start = below + count, end
    return BOUNDS[-1]
