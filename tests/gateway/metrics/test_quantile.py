"""Quantiles of what was only counted by buckets lie in the right bucket."""

from bisect import bisect_left
from random import Random

from neurova_gateway.metrics.layout import BOUNDS, BUCKETS
from neurova_gateway.metrics.quantile import quantile


def test_without_calls_there_is_none() -> None:
    assert quantile(0.5, [0] * BUCKETS) is None


def test_a_quantile_lies_in_the_bucket_of_the_call_that_is_meant() -> None:
    random = Random(5)
    for _ in range(200):
        calls = sorted(random.expovariate(20) for _ in range(random.randint(1, 300)))
        buckets = [0] * BUCKETS
        for seconds in calls:
            buckets[bisect_left(BOUNDS, seconds)] += 1
        for share in (0.5, 0.9, 0.99):
            meant = calls[min(int(share * len(calls) + 0.999999), len(calls)) - 1]
            place = bisect_left(BOUNDS, meant)
            low = BOUNDS[place - 1] if place else 0.0
            found = quantile(share, buckets)
            assert found is not None
            assert low <= found <= BOUNDS[min(place, len(BOUNDS) - 1)]


def test_what_lies_behind_the_last_bound_is_said_to_be_that_bound() -> None:
    assert quantile(0.5, [0] * (BUCKETS - 1) + [3]) == BOUNDS[-1]
