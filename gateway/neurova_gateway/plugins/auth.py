"""Who may call: one key, looked at from its spelling to its scopes."""

from __future__ import annotations

import ipaddress
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from math import inf
from typing import Protocol

import msgspec

from neurova.errors import Unavailable
from neurova.http.caller import Caller

from ..keys.base import KeyRecord
from ..keys.key import digest, environment
from .refusal import Refusal, refuse, unavailable

Headers = Mapping[str, Sequence[str]]
Address = Callable[[], str | None]

KEY = "x-api-key"
BEARER = "authorization"
FOREVER = inf
_REMEMBERED = 4_000
_CONSUMERS = uuid.UUID("6a8f0e2c-53c5-4f0a-9f0b-5b6f5f0b7a31")


class Keys(Protocol):
    """Find keys' records: see `KeyCache`."""

    def find(self, key: str) -> KeyRecord | None:
        """Return the record of a key, None if nobody made it."""

    def find_cached(self, wanted: bytes) -> KeyRecord | None:
        """Return the record of the key with that SHA-256 if no store has to be asked for it."""


class Grant(msgspec.Struct, frozen=True, eq=False):
    """State who calls, in the forms that Kong, later plugins and a runtime take it.

    `nv` is text alone, its scopes one string: what a later plugin does to its copy stays there.
    `consumer` is empty for an anonymous caller. `consumer_headers` are those that Kong's own
    plugins would give an upstream; for an anonymous caller they blank what the client sent.
    """

    caller: Caller
    nv: dict[str, str]
    consumer: dict[str, str]
    credential: dict[str, str]
    consumer_headers: dict[str, str]


class Authenticator:
    """Decide whether a call may pass.

    `ring` finds the records of keys (`KeyCache`). `taken` is the environment whose keys are good
    here. On a `public` route no key is looked at, so neither a store that is down nor a key that
    has expired closes it, and everybody is anonymous.
    """

    __slots__ = ("_clock", "_grants", "_public", "_ring", "_scopes", "_taken")

    def __init__(
        self,
        ring: Keys,
        *,
        taken: str,
        scopes: Iterable[str] = (),
        public: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._ring = ring
        self._taken = taken
        self._scopes = frozenset(scopes)
        self._public = _granted(KeyRecord("", "", taken, frozenset(), 0.0)) if public else None
        self._clock = clock
        self._grants: dict[str, tuple[KeyRecord, Grant, float]] = {}

    def decide(self, headers: Headers, address: Address) -> Grant | Refusal:
        """Return who calls, or the refusal.

        `headers` maps lower-case names to all their values; `address` is asked only when the key
        is bound to networks.
        """
        if self._public is not None:
            return self._public
        keys = headers.get(KEY)
        if keys is not None and len(keys) == 1 and BEARER not in headers:
            key = keys[0].strip(" \t")
        else:
            presented = _presented(keys, headers.get(BEARER))
            if isinstance(presented, Refusal):
                return presented
            key = presented
        try:
            # Who is at hand was looked at before; only its end may have come since.
            record = self._ring.find_cached(digest(key))
            if record is not None:
                known = self._grants.get(record.key_id)
                if known is not None and known[0] is record:
                    until = known[2]
                    if until is FOREVER or self._clock() < until:
                        return known[1]
            return self._looked_up(key, address)
        except Unavailable:
            return unavailable("The key cannot be checked now")

    def _looked_up(self, key: str, address: Address) -> Grant | Refusal:
        spelt = environment(key)
        if spelt != self._taken:
            return _mistyped() if spelt is None else _elsewhere(spelt, self._taken)
        record = self._ring.find(key)
        if record is None:
            return _unauthorised("The key is not known here: check it, or ask for a new one")
        return self._judged(record, address)

    def _judged(self, record: KeyRecord, address: Address) -> Grant | Refusal:
        now = self._clock()
        refusal: Refusal | None = None
        if record.revoked_at is not None and record.revoked_at <= now:
            refusal = _unauthorised("The key has been revoked: use the one that replaced it")
        elif record.expires_at is not None and record.expires_at <= now:
            refusal = _unauthorised("The key has expired: ask for a new one")
        elif record.environment != self._taken:
            refusal = _elsewhere(record.environment, self._taken)
        elif record.cidrs and not _within(address(), record.cidrs):
            refusal = refuse(403, "The key may not be used from this address")
        elif not self._scopes <= record.scopes:
            refusal = _short_of(sorted(self._scopes - record.scopes))
        if refusal is not None:
            return refusal
        known = self._grants.get(record.key_id)
        return known[1] if known is not None and known[0] is record else self._grant(record)

    def _grant(self, record: KeyRecord) -> Grant:
        if len(self._grants) >= _REMEMBERED:
            self._grants.clear()
        grant = _granted(record)
        ends = [end for end in (record.revoked_at, record.expires_at) if end is not None]
        # Until when the grant holds by itself; one that depends on the address never does.
        until = 0.0 if record.cidrs else min(ends, default=FOREVER)
        self._grants[record.key_id] = record, grant, until
        return grant


def _presented(keys: Sequence[str] | None, bearers: Sequence[str] | None) -> str | Refusal:
    """Return the one key that a request presents."""
    if not keys and not bearers:
        return _unauthorised("This needs a key: send it as X-API-Key", error="")
    if (keys and bearers) or len(keys or bearers or ()) > 1:
        return refuse(
            400,
            "The request presents more than one credential: send one key, in one header",
            fields={
                name: "present it once, and alone"
                for name, values in ((KEY, keys), (BEARER, bearers))
                if values
            },
        )
    if keys:
        return keys[0].strip(" \t")
    scheme, _, key = (bearers or ("",))[0].strip(" \t").partition(" ")
    if scheme.lower() != "bearer":
        return _unauthorised(
            "This takes a key, not that scheme: send `Authorization: Bearer <key>`",
            fields={BEARER: "the scheme is not Bearer"},
        )
    return key.strip(" \t")


def _unauthorised(
    detail: str, *, error: str = "invalid_token", fields: Mapping[str, str] | None = None
) -> Refusal:
    challenge = 'Bearer realm="neurova"' + (f', error="{error}"' if error else "")
    return refuse(401, detail, fields=fields, headers={"www-authenticate": challenge})


def _mistyped() -> Refusal:
    return _unauthorised("The key is mistyped or cut short: copy it again, whole")


def _elsewhere(spelt: str, taken: str) -> Refusal:
    return _unauthorised(
        f"This is a {spelt} key and only {taken} keys are taken here: "
        f"use one that begins with nrv_{taken}_"
    )


def _short_of(missing: Sequence[str]) -> Refusal:
    scopes = " ".join(missing)
    return refuse(
        403,
        f"The key lacks scope {', '.join(missing)}: ask for a key that has it",
        headers={
            "www-authenticate": 'Bearer realm="neurova", error="insufficient_scope", '
            f'scope="{scopes}"'
        },
    )


def _within(address: str | None, cidrs: Sequence[str]) -> bool:
    """Tell whether an address lies in one of the networks; what is no address lies in none."""
    try:
        ip = ipaddress.ip_address(address or "")
    except ValueError:
        return False
    mapped = getattr(ip, "ipv4_mapped", None)
    ip = ip if mapped is None else mapped
    return any(ip in _network(cidr) for cidr in cidrs)


@lru_cache(maxsize=1024)
def _network(cidr: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    return ipaddress.ip_network(cidr, strict=False)


def _granted(record: KeyRecord) -> Grant:
    consumer, scopes = record.consumer, " ".join(sorted(record.scopes))
    consumer_id = str(uuid.uuid5(_CONSUMERS, consumer)) if consumer else ""
    nv = {
        "consumer": consumer,
        "key_id": record.key_id,
        "environment": record.environment,
        "scopes": scopes,
    }
    bounds = {
        "limits": record.limits,
        "consumer_limits": record.consumer_limits,
        "quota": str(record.quota or ""),
    }
    nv.update((name, bound) for name, bound in bounds.items() if bound)
    # Kong's own plugins tell consumers apart by their id.
    known = {"id": consumer_id, "username": consumer, "custom_id": consumer} if consumer else {}
    return Grant(
        Caller(consumer, record.key_id, record.scopes, record.environment),
        nv,
        known,
        {"id": record.key_id},
        {
            "X-Consumer-ID": consumer_id,
            "X-Consumer-Username": consumer,
            "X-Consumer-Custom-ID": consumer,
            "X-Credential-Identifier": record.key_id,
            "X-Consumer-Scopes": scopes,
        },
    )
