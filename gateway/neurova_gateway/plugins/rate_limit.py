"""Apply the rate limits of route, consumer and key, and the monthly quotas, to a call."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from ipaddress import IPv6Address, IPv6Network
from math import ceil, inf
from typing import Any
from urllib.parse import quote

import msgspec

from neurova.errors import Unavailable
from neurova.functions.rate_limits import UNITS, Window, parse_limit
from neurova.http.addresses import parse_address

from ..limits.base import Bucket, Decision, Limiter
from ..limits.calendar import LONGEST, period
from ..limits.headers import Policy, policy
from .refusal import Refusal, refuse, unavailable

ReadAddress = Callable[[], str | None]
_CACHE_SIZE = 1_000
FOREVER = inf


class Limits(msgspec.Struct, frozen=True, eq=False):
    """The buckets of one caller on one route, and the policy for the reply fields.

    `ends`: for each bucket, the end of its calendar period in Unix seconds, or `FOREVER` if it has
    no period. `until`: the earliest of these ends.
    """

    buckets: tuple[Bucket, ...]
    policy: Policy
    ends: tuple[float, ...] = ()
    until: float = inf


class RateLimit:
    """Limit the calls of one route; `limit` applies to each consumer or anonymous address.

    The caller (`nv`) contains the limits of its consumer and key, and their quotas.
    `consumer_limit` applies to consumers without a limit of their own. Calendar limits use the days
    and months of `zone`, an IANA time zone.
    """

    __slots__ = (
        "_clock",
        "_consumer_limit",
        "_cost",
        "_limiter",
        "_limits_by_address",
        "_limits_by_key",
        "_route",
        "_windows",
        "_zone",
    )

    def __init__(
        self,
        limiter: Limiter,
        *,
        route: str = "",
        limit: str = "",
        consumer_limit: str = "",
        cost: int = 1,
        zone: str = "UTC",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._limiter = limiter
        self._zone = zone
        self._clock = clock
        self._route = quote(route, safe="")  # escape colons, the separators in bucket names
        self._windows = _parse_windows(limit)
        self._consumer_limit = _parse_windows(consumer_limit)
        self._cost = cost
        self._limits_by_key: dict[str, tuple[dict[str, Any], Limits]] = {}
        self._limits_by_address: dict[str, Limits] = {}

    def decide(self, nv: object, read_address: ReadAddress) -> dict[str, bytes] | Refusal:
        """Return the reply fields of an admitted call ({} without limits), or a refusal.

        `nv` is the caller that an authentication plugin has set. Without `nv`, or for an anonymous
        caller, the limit applies to the address; only then is `read_address` called.
        """
        # Cache limits by key id and compare `nv`: comparing dicts is faster than hashing them.
        try:
            cached, limits = self._limits_by_key[nv["key_id"]]  # type: ignore[index]  # None raises TypeError, caught below
        except (KeyError, TypeError):
            cached = None
        if (
            cached is None
            or cached != nv
            or (limits.until is not FOREVER and limits.until <= self._clock())
        ):
            limits = self._find_limits(nv if type(nv) is dict else {}, read_address)
        if not limits.buckets:
            return {}
        try:
            admitted, remaining, reset, wait = self._limiter.admit(limits.buckets, self._cost)
        except Unavailable:
            return unavailable("The rate limiter is unavailable")
        policy = limits.policy
        if limits.until is not FOREVER:
            reset, wait = self._end_with_periods(limits, remaining, reset, wait)
        if admitted:
            left = policy.format_remaining(remaining, reset)
            return {"ratelimit-policy": policy.value, "ratelimit": left}
        fields = policy.fields(Decision(admitted, remaining, reset, wait))
        lowest = min(bucket.limit for bucket in limits.buckets)
        return refuse(
            429,
            f"Rate limit exceeded, retry in {wait} s"
            if self._cost <= lowest
            else f"One call costs {self._cost}, more than a limit of {lowest} ever admits: "
            "ask for a higher limit",
            headers={name.decode(): value for name, value in fields},
        )

    def buckets(self, nv: Mapping[str, Any], address: str = "") -> tuple[Bucket, ...]:
        """Return the buckets of a caller, or of an address, without charging them."""
        return self._create_limits(nv, "" if nv.get("consumer") else to_network(address)).buckets

    def _find_limits(self, nv: Mapping[str, Any], read_address: ReadAddress) -> Limits:
        if not nv.get("consumer"):
            return self._find_address_limits(to_network(read_address()) if self._windows else "")
        limits = self._create_limits(nv, "")
        key_id = nv.get("key_id")
        if type(key_id) is str:
            if len(self._limits_by_key) >= _CACHE_SIZE:
                self._limits_by_key.clear()
            self._limits_by_key[key_id] = dict(nv), limits
        return limits

    def _find_address_limits(self, address: str) -> Limits:
        limits = self._limits_by_address.get(address)
        if limits is None or (limits.until is not FOREVER and limits.until <= self._clock()):
            if len(self._limits_by_address) >= _CACHE_SIZE:
                self._limits_by_address.clear()
            limits = self._limits_by_address[address] = self._create_limits({}, address)
        return limits

    def _create_limits(self, nv: Mapping[str, Any], address: str) -> Limits:
        """Create the limits of a caller, or of an address for an anonymous caller.

        Bucket names begin with `r:` for the route limit, `c:` for the consumer limit, `k:` for the
        key limit, `q:` for the key's quota, `p:` for the quota of the consumer's plan.
        """
        consumer, key_id = nv.get("consumer") or "", nv.get("key_id")
        caller = f"c:{consumer}" if consumer else f"a:{address}"
        bound = [("route", f"r:{self._route}:{caller}", self._windows)]
        if consumer:
            own = _parse_windows(nv.get("consumer_limits")) or self._consumer_limit
            bound += [
                ("consumer", f"c:{consumer}", own),
                ("key", f"k:{key_id}", _parse_windows(nv.get("limits"))),
                ("quota", f"q:{key_id}", _month(nv.get("quota"))),
                ("plan", f"p:{consumer}", _month(nv.get("consumer_quota"))),
            ]
        each = [(name, subject, window) for name, subject, windows in bound for window in windows]
        buckets, ends = [], []
        for _, subject, window in each:
            bucket, end = self._create_bucket(subject, window, caller)
            buckets.append(bucket)
            ends.append(end)
        labels = tuple((_label(name, w), w.limit, w.seconds) for name, _, w in each)
        return Limits(tuple(buckets), policy(labels), tuple(ends), min(ends, default=FOREVER))

    def _create_bucket(self, subject: str, window: Window, caller: str) -> tuple[Bucket, float]:
        """Return a bucket and the end of its period; each calendar period has its own bucket."""
        if not window.calendar:
            return Bucket(subject, window.limit, window.seconds, caller), FOREVER
        name, end = period(self._clock(), window.calendar, self._zone)
        seconds = LONGEST[window.calendar]
        return Bucket(f"{subject}:{name}", window.limit, seconds, caller), end

    def _end_with_periods(
        self, limits: Limits, remaining: tuple[int, ...], reset: tuple[int, ...], wait: int
    ) -> tuple[tuple[int, ...], int]:
        """Return `reset` and `retry_after`, shortened to the ends of calendar periods."""
        now = self._clock()
        lasts = [end if end is FOREVER else max(1, ceil(end - now)) for end in limits.ends]
        reset = tuple(int(min(pair)) for pair in zip(lasts, reset, strict=True))
        full = [last for last, left in zip(lasts, remaining, strict=True) if left < self._cost]
        # If a sliding window is full too, keep `wait`: the limiter reports only the longest wait.
        if wait and full and FOREVER not in full:
            wait = int(max(full))
        return reset, wait


def _parse_windows(text: str | None) -> tuple[Window, ...]:
    """Return the windows of a limit; of two windows of the same length, the stricter one."""
    if not text:
        return ()
    found: dict[tuple[int, str], Window] = {}
    for window in parse_limit(text):
        length = window.seconds, window.calendar
        found[length] = min(found.get(length, window), window, key=lambda one: one.limit)
    return tuple(found.values())


def _month(quota: str | None) -> tuple[Window, ...]:
    return (Window(int(quota), UNITS["month"]),) if quota else ()


def _label(name: str, window: Window) -> str:
    return f"{name}-{str(window).partition('/')[2].replace(' ', '-')}"


def to_network(address: str | None) -> str:
    """Return the network under which calls are counted: the IPv4 address, or the /64 of IPv6."""
    ip = parse_address(address or "")
    if isinstance(ip, IPv6Address):
        return str(IPv6Network((int(ip) >> 64 << 64, 64)))
    return (address or "") if ip is None else str(ip)
