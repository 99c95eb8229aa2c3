"""A test's clock only moves forward."""

from __future__ import annotations

import pytest

from neurova_platform.testing.clock import Clock


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), float("-inf"), 1e300])
def test_clock_refuses_to_go_back_or_to_no_time(seconds: float) -> None:
    with pytest.raises(ValueError, match="can move forward"):
        Clock().advance(seconds)


def test_all_times_advance_together() -> None:
    clock = Clock()
    before = clock.time(), clock.monotonic(), clock.nanoseconds() / 1e9
    clock.advance(1000)
    after = clock.time(), clock.monotonic(), clock.nanoseconds() / 1e9
    assert all(999 < end - start < 1100 for start, end in zip(before, after, strict=True))
