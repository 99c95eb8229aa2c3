"""How much may be called: the limits of route, consumer, key and month, all at once."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from neurova.errors import Unavailable
from neurova.functions.rate_limits import UNITS, Window, parse_limit

from ..limits.base import Bucket, Decision, Limiter
from ..limits.headers import Policy, policy
from .refusal import Refusal, refuse, unavailable

Address = Callable[[], str | None]
_REMEMBERED = 1_000


class Limits(msgspec.Struct, frozen=True, eq=False):
    """Hold the buckets of one caller on one route, and what the caller is told of them."""

    buckets: tuple[Bucket, ...]
    policy: Policy


class RateLimit:
    """Admit calls of one route: `limit` binds each consumer there, or each anonymous address.

    What binds a consumer, a key or its month everywhere comes with the caller (`nv`);
    `consumer_limit` binds the consumers that have no limit of their own.
    """

    __slots__ = (
        "_addresses",
        "_consumer_limit",
        "_cost",
        "_known",
        "_limiter",
        "_route",
        "_windows",
    )

    def __init__(
        self,
        limiter: Limiter,
        *,
        route: str = "",
        limit: str = "",
        consumer_limit: str = "",
        cost: int = 1,
    ) -> None:
        self._limiter = limiter
        self._route = quote(route, safe="")  # no colon: a consumer's name cannot reach into it
        self._windows = _windows(limit)
        self._consumer_limit = _windows(consumer_limit)
        self._cost = cost
        self._known: dict[str, tuple[dict[str, Any], Limits]] = {}
        self._addresses: dict[str, Limits] = {}

    def decide(self, nv: object, address: Address) -> dict[str, bytes] | Refusal:
        """Return the fields that an admitted call's reply carries, none without limits.

        `nv` is what an authenticating plugin said of the caller; without it, or when it says
        nobody, the limit is the address's, which is asked for only then.
        """
        # Found by the key, good for the very same words: to compare them costs less than a hash.
        try:
            said, limits = self._known[nv["key_id"]]  # type: ignore[index]  # or TypeError
        except (KeyError, TypeError):
            said = None
        if said is None or said != nv:
            limits = self._limits(nv if type(nv) is dict else {}, address)
        if not limits.buckets:
            return {}
        try:
            admitted, remaining, reset, wait = self._limiter.admit(limits.buckets, self._cost)
        except Unavailable:
            return unavailable("The limits cannot be counted now")
        told = limits.policy
        if admitted:
            return {
                "ratelimit-policy": told.value,
                "ratelimit": told.format_remaining(remaining, reset),
            }
        fields = told.fields(Decision(admitted, remaining, reset, wait))
        least = min(bucket.limit for bucket in limits.buckets)
        return refuse(
            429,
            f"The limit is used up: try again in {wait} s"
            if self._cost <= least
            else f"One call takes {self._cost} here, and a limit of {least} never admits it: "
            "ask for a higher limit",
            headers={name.decode(): value for name, value in fields},
        )

    def buckets(self, nv: Mapping[str, Any], address: str = "") -> tuple[Bucket, ...]:
        """Return what a call of a caller, or from an address, is charged to; nothing is charged."""
        consumer = nv.get("consumer") or ""
        said = (nv.get("limits"), nv.get("consumer_limits"), nv.get("quota"))
        where = "" if consumer else network(address)
        return self._built(consumer, where, nv.get("key_id"), *said).buckets

    def _limits(self, nv: Mapping[str, Any], address: Address) -> Limits:
        consumer, key_id = nv.get("consumer") or "", nv.get("key_id")
        if not consumer:
            return self._of_address(network(address()) if self._windows else "")
        said = (nv.get("limits"), nv.get("consumer_limits"), nv.get("quota"))
        limits = self._built(consumer, "", key_id, *said)
        if type(key_id) is str:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[key_id] = dict(nv), limits
        return limits

    def _of_address(self, where: str) -> Limits:
        limits = self._addresses.get(where)
        if limits is None:
            if len(self._addresses) >= _REMEMBERED:
                self._addresses.clear()
            limits = self._addresses[where] = self._built("", where, None, None, None, None)
        return limits

    def _built(
        self, consumer: str, where: str, key_id: object, own: Any, shared: Any, quota: Any
    ) -> Limits:
        """Name what counts: `r:` a consumer or an address on this route, `c:` a consumer, …"""
        who = f"c:{consumer}" if consumer else f"a:{where}"
        bound = [("route", f"r:{self._route}:{who}", self._windows)]
        if consumer:
            bound += [
                ("consumer", f"c:{consumer}", _windows(shared) or self._consumer_limit),
                ("key", f"k:{key_id}", _windows(own)),
                ("quota", f"q:{key_id}", (Window(int(quota), UNITS["month"]),) if quota else ()),
            ]
        each = [(name, subject, window) for name, subject, some in bound for window in some]
        return Limits(
            tuple(Bucket(subject, window.limit, window.seconds) for _, subject, window in each),
            policy(
                tuple(
                    (_shown(name, window), window.limit, window.seconds) for name, _, window in each
                )
            ),
        )


def _windows(text: str | None) -> tuple[Window, ...]:
    """Return the windows of a limit, of two with one length the stricter."""
    if not text:
        return ()
    found: dict[int, Window] = {}
    for window in parse_limit(text):
        known = found.get(window.seconds, window)
        found[window.seconds] = min(known, window, key=lambda one: one.limit)
    return tuple(found.values())


def _shown(name: str, window: Window) -> str:
    return f"{name}-{str(window).partition('/')[2].replace(' ', '-')}"


def network(address: str | None) -> str:
    """Return whom an address stands for: itself, or its /64 for IPv6."""
    try:
        ip = ipaddress.ip_address(address or "")
    except ValueError:
        return address or ""
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.IPv6Network((int(ip) >> 64 << 64, 64)))
    return str(ip)
