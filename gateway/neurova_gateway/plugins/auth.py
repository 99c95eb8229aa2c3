"""Authenticate a call by its API key: check format, record, validity, address and scopes."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import inf
from typing import Any, Protocol

import msgspec

from neurova.errors import Unavailable
from neurova.http.addresses import parse_address, parse_network
from neurova.http.caller import Caller
from neurova.settings.plans import Plan

from ..keys.base import KeyRecord
from ..keys.key import digest, read_environment
from .refusal import Refusal, refuse, unavailable

Headers = Mapping[str, Sequence[str]]
ReadAddress = Callable[[], str | None]

KEY = "x-api-key"
BEARER = "authorization"
FOREVER = inf
_CACHE_SIZE = 4_000
_NO_PLAN = Plan()
_CONSUMERS = uuid.UUID("6a8f0e2c-53c5-4f0a-9f0b-5b6f5f0b7a31")


class Keys(Protocol):
    """Look up key records; `KeyCache` implements this."""

    def find(self, key: str) -> KeyRecord | None:
        """Return the record of a key, None for an unknown key."""

    def find_cached(self, key_digest: bytes) -> KeyRecord | None:
        """Return the cached key record with this SHA-256, None if it is not cached."""


class Grant(msgspec.Struct, frozen=True, eq=False):
    """The caller, as data for Kong, for later plugins (`nv`) and for a runtime (`caller`).

    `nv` has only text values (the scopes are one string), so later plugins get a copy and cannot
    change it. `consumer` is empty for an anonymous caller. `consumer_headers` are the headers that
    Kong's own auth plugins set; for an anonymous caller, empty values overwrite the client's.
    """

    caller: Caller
    nv: dict[str, str]
    consumer: dict[str, str]
    credential: dict[str, str]
    consumer_headers: dict[str, str]


class Authenticator:
    """Decide whether a call may pass.

    `accepted` is the environment whose keys are valid here. `plans` maps names to the plans that
    consumers may hold; an unknown plan grants no scopes and sets no limits. On a `public` route, no
    key is read and every caller is anonymous, so the route works while the key store is down.
    """

    __slots__ = ("_accepted", "_clock", "_grants", "_keys", "_plans", "_public", "_scopes")

    def __init__(
        self,
        keys: Keys,
        *,
        accepted: str,
        scopes: Iterable[str] = (),
        plans: Mapping[str, Plan] = {},
        public: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._keys = keys
        self._accepted = accepted
        self._scopes = frozenset(scopes)
        self._plans = plans
        anonymous = KeyRecord("", "", accepted, frozenset(), 0.0)
        self._public = _create_grant(anonymous, _NO_PLAN) if public else None
        self._clock = clock
        self._grants: dict[str, tuple[KeyRecord, Grant, float]] = {}

    def decide(self, headers: Headers, read_address: ReadAddress) -> Grant | Refusal:
        """Return the grant of a call, or its refusal.

        `headers` maps each lower-case name to all its values. `read_address` is called only if the
        key is restricted to networks.
        """
        if self._public is not None:
            return self._public
        keys = headers.get(KEY)
        if keys is not None and len(keys) == 1 and BEARER not in headers:
            key = keys[0].strip(" \t")
        else:
            credential = _read_credential(keys, headers.get(BEARER))
            if isinstance(credential, Refusal):
                return credential
            key = credential
        try:
            # If the cached grant belongs to this record, only its end must be checked again.
            record = self._keys.find_cached(digest(key))
            if record is not None:
                cached = self._grants.get(record.key_id)
                if cached is not None and cached[0] is record:
                    until = cached[2]
                    if until is FOREVER or self._clock() < until:
                        return cached[1]
            return self._look_up(key, read_address)
        except Unavailable:
            return unavailable("The key store is unavailable")

    def _look_up(self, key: str, read_address: ReadAddress) -> Grant | Refusal:
        written = read_environment(key)
        if written is None:
            return _unauthorized("The key is malformed, copy all of it again")
        if written != self._accepted:
            return self._refuse_environment(written)
        record = self._keys.find(key)
        if record is None:
            return _unauthorized("Unknown key, check it or ask for a new one")
        return self._check(record, read_address)

    def _check(self, record: KeyRecord, read_address: ReadAddress) -> Grant | Refusal:
        now = self._clock()
        scopes = record.scopes.union(self._plans.get(record.plan, _NO_PLAN).scopes)
        refusal: Refusal | None = None
        if record.revoked_at is not None and record.revoked_at <= now:
            refusal = _unauthorized("The key was revoked, use the one that replaced it")
        elif record.expires_at is not None and record.expires_at <= now:
            refusal = _unauthorized("The key has expired, ask for a new one")
        elif record.environment != self._accepted:
            refusal = self._refuse_environment(record.environment)
        elif record.cidrs and not _is_within(read_address(), record.cidrs):
            refusal = refuse(403, "The key is not valid from this address")
        elif not self._scopes <= scopes:
            refusal = _refuse_scopes(sorted(self._scopes - scopes))
        if refusal is not None:
            grant = _create_grant(record, _NO_PLAN)
            return refusal._replace(consumer=grant.consumer, credential=grant.credential)
        cached = self._grants.get(record.key_id)
        return cached[1] if cached is not None and cached[0] is record else self._grant(record)

    def _grant(self, record: KeyRecord) -> Grant:
        if len(self._grants) >= _CACHE_SIZE:
            self._grants.clear()
        grant = _create_grant(record, self._plans.get(record.plan, _NO_PLAN))
        ends = [end for end in (record.revoked_at, record.expires_at) if end is not None]
        # The grant needs no check before `until`; a key with networks is checked in every call.
        until = 0.0 if record.cidrs else min(ends, default=FOREVER)
        self._grants[record.key_id] = record, grant, until
        return grant

    def _refuse_environment(self, written: str) -> Refusal:
        accepted = self._accepted
        return _unauthorized(
            f"This is a {written} key, only {accepted} keys are valid here: "
            f"use one that begins with nrv_{accepted}_"
        )


def _read_credential(keys: Sequence[str] | None, bearers: Sequence[str] | None) -> str | Refusal:
    """Return the key of a request; refuse a request without a key or with several keys."""
    if not keys and not bearers:
        return _unauthorized("An API key is required, send it as X-API-Key", error="")
    if (keys and bearers) or len(keys or bearers or ()) > 1:
        return refuse(
            400,
            "More than one credential, send one key in one header",
            fields={
                name: "send it once, without another credential"
                for name, values in ((KEY, keys), (BEARER, bearers))
                if values
            },
        )
    if keys:
        return keys[0].strip(" \t")
    scheme, _, key = (bearers or ("",))[0].strip(" \t").partition(" ")
    if scheme.lower() != "bearer":
        return _unauthorized(
            "Unsupported authorization scheme, send `Authorization: Bearer <key>`",
            fields={BEARER: "the scheme is not Bearer"},
        )
    return key.strip(" \t")


def _unauthorized(
    detail: str, *, error: str = "invalid_token", fields: Mapping[str, str] | None = None
) -> Refusal:
    challenge = 'Bearer realm="neurova"' + (f', error="{error}"' if error else "")
    return refuse(401, detail, fields=fields, headers={"www-authenticate": challenge})


def _refuse_scopes(missing: Sequence[str]) -> Refusal:
    scopes = " ".join(missing)
    challenge = f'Bearer realm="neurova", error="insufficient_scope", scope="{scopes}"'
    return refuse(
        403,
        f"The key lacks scope {', '.join(missing)}: ask for a key that has it",
        headers={"www-authenticate": challenge},
    )


def _is_within(address: str | None, cidrs: Sequence[str]) -> bool:
    """Return whether an address is in one of the networks; False if it is not an address."""
    ip = parse_address(address or "")
    return ip is not None and any(ip in parse_network(cidr) for cidr in cidrs)


def read_plans(config: Mapping[str, Any]) -> dict[str, Plan]:
    """Read plans from a plugin's config; Kong sends `{}` for an empty list, None if unset."""
    plans: Mapping[str, Mapping[str, Any]] = config.get("plans") or {}
    return {
        name: Plan(tuple(plan.get("scopes") or ()), plan.get("limit") or "", plan.get("quota") or 0)
        for name, plan in plans.items()
    }


def caller_fields(record: KeyRecord, plan: Plan) -> dict[str, str]:
    """Return the caller fields for later plugins, with the limits that apply to the caller.

    Limits of a key or its consumer replace the plan's limit; a key's quota replaces the plan's.
    """
    fields = {
        "consumer": record.consumer,
        "key_id": record.key_id,
        "environment": record.environment,
        "scopes": " ".join(sorted(record.scopes.union(plan.scopes))),
    }
    limits = {
        "limits": record.limits,
        "consumer_limits": record.consumer_limits or ("" if record.limits else plan.limit),
        "quota": str(record.quota or ""),
        "consumer_quota": str("" if record.quota else plan.quota or ""),
    }
    return fields | {name: limit for name, limit in limits.items() if limit}


def _create_grant(record: KeyRecord, plan: Plan) -> Grant:
    consumer, nv = record.consumer, caller_fields(record, plan)
    consumer_id = str(uuid.uuid5(_CONSUMERS, consumer)) if consumer else ""
    custom_id = record.custom_id or consumer
    # Kong's own plugins identify a consumer by its id.
    entity = {"id": consumer_id, "username": consumer, "custom_id": custom_id} if consumer else {}
    return Grant(
        Caller(consumer, record.key_id, record.scopes.union(plan.scopes), record.environment),
        nv,
        entity,
        {"id": record.key_id},
        {
            "X-Consumer-ID": consumer_id,
            "X-Consumer-Username": consumer,
            "X-Consumer-Custom-ID": custom_id,
            "X-Credential-Identifier": record.key_id,
            "X-Consumer-Scopes": nv["scopes"],
        },
    )
