"""All limits of a call count at once: route, consumer, key, and the key's month."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from neurova.errors import Unavailable
from neurova_gateway.limits import base
from neurova_gateway.limits.base import Decision
from neurova_gateway.plugins import rate_limit
from neurova_gateway.plugins.rate_limit import RateLimit, to_network
from neurova_gateway.plugins.refusal import Refusal

NV = {"consumer": "acme", "key_id": "k1", "environment": "live", "scopes": ""}
MONTH = 30 * 86_400


def bucket(name: str, limit: int, seconds: int) -> base.Bucket:
    """Return a bucket of consumer "acme", or of the address in the bucket's name."""
    address = name.partition(":a:")[2]
    return base.Bucket(name, limit, seconds, f"a:{address}" if address else "c:acme")


class Counter:
    """A limiter that records its calls and returns a fixed decision."""

    def __init__(self, retry_after: int = 0, down: bool = False) -> None:
        self.calls: list[tuple[Sequence[base.Bucket], int]] = []
        self._retry_after = retry_after
        self._down = down

    def admit(self, buckets: Sequence[base.Bucket], cost: int = 1) -> Decision:
        self.calls.append((buckets, cost))
        if self._down:
            raise Unavailable("down")
        left = (7,) * len(buckets)
        return Decision(not self._retry_after, left, left, self._retry_after)

    def close(self) -> None: ...


def no_address() -> str:
    raise AssertionError("the address was read")


def buckets(nv: Any, address: Any = no_address, **options: Any) -> tuple[base.Bucket, ...]:
    counter = Counter()
    RateLimit(counter, **options).decide(nv, address)
    return tuple(counter.calls[0][0]) if counter.calls else ()


def test_all_limits_of_a_call_apply() -> None:
    nv = {**NV, "limits": "5/second", "consumer_limits": "10/second, 1000/day", "quota": "50"}
    assert buckets(nv, route="b.create", limit="60/minute") == (
        bucket("r:b.create:c:acme", 60, 60),
        bucket("c:acme", 10, 1),
        bucket("c:acme", 1000, 86_400),
        bucket("k:k1", 5, 1),
        bucket("q:k1", 50, MONTH),
    )


def test_without_limit_nothing_is_counted() -> None:
    counter = Counter(down=True)
    assert RateLimit(counter).decide(NV, no_address) == {}
    assert RateLimit(counter).decide(None, no_address) == {}
    assert counter.calls == []


def test_consumers_own_limit_replaces_the_default() -> None:
    assert buckets(NV, consumer_limit="9/second") == (bucket("c:acme", 9, 1),)
    own = {**NV, "consumer_limits": "900/second"}
    assert buckets(own, consumer_limit="9/second") == (bucket("c:acme", 900, 1),)


def test_bucket_names_never_collide() -> None:
    one = buckets({**NV, "consumer": "x"}, route="a:c:b", limit="1/second")
    other = buckets({**NV, "consumer": "b:c:x"}, route="a", limit="1/second")
    assert one != other


def test_stricter_of_equal_windows_counts() -> None:
    assert buckets(NV, route="r", limit="5/minute, 2/60 seconds, 9/hour") == (
        bucket("r:r:c:acme", 2, 60),
        bucket("r:r:c:acme", 9, 3600),
    )


def test_reply_has_policy_and_remaining_by_window() -> None:
    fields = RateLimit(Counter(), limit="60/minute").decide({**NV, "quota": "50"}, no_address)
    assert fields == {
        "ratelimit-policy": b'"route-minute";q=60;w=60, "quota-month";q=50;w=2592000',
        "ratelimit": b'"route-minute";r=7;t=7, "quota-month";r=7;t=7',
    }


@pytest.mark.parametrize(
    ("counter", "cost", "status", "retry", "detail"),
    [
        (Counter(retry_after=3), 1, 429, b"3", "3 s"),
        # Retrying such a call can never succeed.
        (Counter(retry_after=3), 2, 429, b"3", "more than a limit of 1 ever admits"),
        (Counter(down=True), 1, 503, "1", "unavailable"),
    ],
)
def test_refusal_says_when_to_retry(
    counter: Counter, cost: int, status: int, retry: object, detail: str
) -> None:
    limit = RateLimit(counter, limit="60/minute", cost=cost)
    refusal = limit.decide({**NV, "limits": "1/second"}, no_address)
    assert isinstance(refusal, Refusal)
    assert (refusal.status, refusal.headers["retry-after"]) == (status, retry)
    assert detail in refusal.body["detail"]
    assert ({"ratelimit", "ratelimit-policy"} <= set(refusal.headers)) is (status == 429)


def test_changed_limit_of_a_key_counts_at_once() -> None:
    counter = Counter()
    limit = RateLimit(counter)
    limit.decide({**NV, "limits": "1/second"}, no_address)
    limit.decide({**NV, "limits": "2/second"}, no_address)
    limit.decide({**NV, "consumer_limits": "2/second"}, no_address)
    assert [buckets for buckets, _ in counter.calls] == [
        (bucket("k:k1", 1, 1),),
        (bucket("k:k1", 2, 1),),
        (bucket("c:acme", 2, 1),),
    ]


def test_cached_addresses_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limit, "_CACHE_SIZE", 2)
    counter = Counter()
    limit = RateLimit(counter, limit="1/second")
    for number in (1, 1, 2, 3, 1):
        limit.decide(None, lambda number=number: f"10.0.0.{number}")
    buckets = [buckets for buckets, _ in counter.calls]
    assert buckets[1] is buckets[0]
    assert buckets[4] is not buckets[0]


@pytest.mark.parametrize("nv", [None, {}, [], "junk", {**NV, "consumer": ""}])
def test_anonymous_callers_count_by_address(nv: Any) -> None:
    assert buckets(nv, lambda: "192.0.2.1", route="r", limit="1/second") == (
        bucket("r:r:a:192.0.2.1", 1, 1),
    )


@pytest.mark.parametrize(
    ("address", "counts_as"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:0:1:2:3:4:5", "2001:db8:0:1::/64"),
        ("2001:db8:0:1::", "2001:db8:0:1::/64"),
        ("2001:db8:0:2::", "2001:db8:0:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unix:", "unix:"),
        ("", ""),
        (None, ""),
    ],
)
def test_ipv6_counts_by_network_of_64_bits(address: str | None, counts_as: str) -> None:
    assert to_network(address) == counts_as
