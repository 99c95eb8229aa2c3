"""All limits of a call count at once: route, consumer, key, month."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from neurova.errors import Unavailable
from neurova_gateway.limits.base import Bucket, Decision
from neurova_gateway.plugins.rate_limit import RateLimit, network
from neurova_gateway.plugins.refusal import Refusal

NV = {"consumer": "acme", "key_id": "k1", "environment": "live", "scopes": ""}
MONTH = 30 * 86_400


class Counter:
    """A limiter that notes what it is asked, and answers as it is told."""

    def __init__(self, retry_after: int = 0, down: bool = False) -> None:
        self.asked: list[tuple[tuple[Bucket, ...], int]] = []
        self._retry_after = retry_after
        self._down = down

    def admit(self, buckets: Sequence[Bucket], cost: int = 1) -> Decision:
        self.asked.append((tuple(buckets), cost))
        if self._down:
            raise Unavailable("down")
        left = (7,) * len(buckets)
        return Decision(not self._retry_after, left, left, self._retry_after)

    def close(self) -> None: ...


def nowhere() -> str:
    raise AssertionError("the address was asked for")


def buckets(nv: Any, address: Any = nowhere, **options: Any) -> tuple[Bucket, ...]:
    counter = Counter()
    RateLimit(counter, **options).decide(nv, address)
    return counter.asked[0][0] if counter.asked else ()


def test_all_apply() -> None:
    """Route, consumer, key and month each have their buckets, a window each."""
    nv = {**NV, "limits": "5/second", "consumer_limits": "10/second, 1000/day", "quota": "50"}
    assert buckets(nv, route="b.create", limit="60/minute") == (
        Bucket("r:b.create:c:acme", 60, 60),
        Bucket("c:acme", 10, 1),
        Bucket("c:acme", 1000, 86_400),
        Bucket("k:k1", 5, 1),
        Bucket("q:k1", 50, MONTH),
    )


def test_no_limit_no_lookup() -> None:
    """Without any limit nothing is asked, counted or told."""
    counter = Counter(down=True)
    assert RateLimit(counter).decide(NV, nowhere) == {}
    assert RateLimit(counter).decide(None, nowhere) == {}
    assert counter.asked == []


@pytest.mark.parametrize("nv", [None, {}, [], "junk", {**NV, "consumer": ""}])
def test_nobody_counts_by_address(nv: Any) -> None:
    """Who is nobody is counted by address."""
    assert buckets(nv, lambda: "192.0.2.1", route="r", limit="1/second") == (
        Bucket("r:r:a:192.0.2.1", 1, 1),
    )


def test_consumers_own_limit_wins() -> None:
    """A consumer's own limit stands in place of the one for all."""
    assert buckets(NV, consumer_limit="9/second") == (Bucket("c:acme", 9, 1),)
    own = {**NV, "consumer_limits": "900/second"}
    assert buckets(own, consumer_limit="9/second") == (Bucket("c:acme", 900, 1),)


def test_names_cannot_meet() -> None:
    """No choice of route and consumer names makes one bucket of two."""
    one = buckets({**NV, "consumer": "x"}, route="a:c:b", limit="1/second")
    other = buckets({**NV, "consumer": "b:c:x"}, route="a", limit="1/second")
    assert one != other


def test_two_windows_of_one_length() -> None:
    """Of two windows of one length the stricter counts, and the names in the fields differ."""
    assert buckets(NV, route="r", limit="5/minute, 2/60 seconds, 9/hour") == (
        Bucket("r:r:c:acme", 2, 60),
        Bucket("r:r:c:acme", 9, 3600),
    )


def test_cost() -> None:
    """A call takes its route's cost."""
    counter = Counter()
    RateLimit(counter, limit="1/second", cost=7).decide(NV, nowhere)
    assert counter.asked[0][1] == 7


def test_fields() -> None:
    """An admitted call is told the policy and what is left, each window by its name."""
    fields = RateLimit(Counter(), limit="60/minute").decide({**NV, "quota": "50"}, nowhere)
    assert fields == {
        "ratelimit-policy": b'"route-minute";q=60;w=60, "quota-month";q=50;w=2592000',
        "ratelimit": b'"route-minute";r=7;t=7, "quota-month";r=7;t=7',
    }


def test_refused() -> None:
    """A refused call is told when to come again, with the same fields."""
    refusal = RateLimit(Counter(retry_after=3), limit="60/minute").decide(NV, nowhere)
    assert isinstance(refusal, Refusal)
    assert refusal.status == 429
    assert refusal.headers["retry-after"] == b"3"
    assert {"ratelimit", "ratelimit-policy"} <= set(refusal.headers)
    assert "3 s" in refusal.body["detail"]


def test_a_cost_above_a_limit_is_said() -> None:
    """Who waits and asks again would wait for ever: a key's limit may be below a route's cost."""
    limit = RateLimit(Counter(retry_after=2), limit="60/minute", cost=2)
    refusal = limit.decide({**NV, "limits": "1/second"}, nowhere)
    assert isinstance(refusal, Refusal)
    assert "a limit of 1 never admits it" in refusal.body["detail"]


def test_limiter_down() -> None:
    """What cannot be counted is not admitted."""
    refusal = RateLimit(Counter(down=True), limit="1/second").decide(NV, nowhere)
    assert isinstance(refusal, Refusal)
    assert refusal.status == 503
    assert refusal.headers["retry-after"] == "1"


def test_changed_limits_count() -> None:
    """A limit that changes with the caller's key counts at once, though buckets are remembered."""
    counter = Counter()
    limit = RateLimit(counter)
    limit.decide({**NV, "limits": "1/second"}, nowhere)
    limit.decide({**NV, "limits": "2/second"}, nowhere)
    limit.decide({**NV, "consumer_limits": "2/second"}, nowhere)
    assert [asked for asked, _ in counter.asked] == [
        (Bucket("k:k1", 1, 1),),
        (Bucket("k:k1", 2, 1),),
        (Bucket("c:acme", 2, 1),),
    ]


def test_addresses_are_bounded() -> None:
    """A flood of addresses takes no more memory than some hundreds do."""
    limit = RateLimit(Counter(), limit="1/second")
    for number in range(5_000):
        limit.decide(None, lambda number=number: f"10.0.{number >> 8}.{number & 255}")
    assert len(limit._addresses) <= 1_000


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
def test_network(address: str | None, counts_as: str) -> None:
    """IPv6 counts by /64, since whoever has one address there has them all."""
    assert network(address) == counts_as


def test_bad_limit() -> None:
    """A limit that is none is an error when the plugin is made."""
    with pytest.raises(ValueError, match="not a limit"):
        RateLimit(Counter(), limit="often")
