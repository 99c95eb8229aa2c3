"""Create, rotate and revoke keys, for the command line and the Admin API."""

from __future__ import annotations

import ipaddress
import secrets
import time
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

import msgspec

from neurova.functions.descriptions import SCOPE
from neurova.functions.rate_limits import parse_limit
from neurova.http.addresses import parse_network
from neurova.telemetry.redact import holds_secret

from .base import KeyRecord, KeyStore
from .key import ALPHABET, digest, generate

MAX_QUOTA = 10**12
MAX_NAME = 128
MAX_METADATA = 32


class Issued(NamedTuple):
    """A new key and its record; only this object has the key, and its repr does not show it."""

    key: str
    record: KeyRecord

    def __repr__(self) -> str:
        return f"Issued({self.record!r})"


def create(
    store: KeyStore,
    consumer: str,
    environment: str,
    scopes: Iterable[str] = (),
    expires_in: float | None = None,
    limits: str = "",
    quota: int = 0,
    cidrs: Iterable[str] = (),
    *,
    name: str = "",
    now: float | None = None,
) -> Issued:
    """Create a key for a consumer; `environment` is "live" or "test", `expires_in` is in seconds.

    Raises ValueError with the fix for a bad argument; Unavailable when the store is down.
    """
    now = time.time() if now is None else now
    if expires_in is not None and not expires_in > 0:
        raise ValueError(f"expires_in {expires_in!r}: give seconds above 0, or None for no end")
    if not 0 <= quota <= MAX_QUOTA:
        raise ValueError(
            f"quota {quota!r}: give the calls allowed in 30 days, up to {MAX_QUOTA}; 0: no quota"
        )
    key = generate(environment)
    record = KeyRecord(
        key_id=_generate_id(),
        consumer=check_name(consumer, "consumer"),
        environment=environment,
        scopes=_check_scopes(scopes),
        created_at=now,
        digest=digest(key),
        expires_at=None if expires_in is None else now + expires_in,
        limits=normalize_limits(limits),
        quota=quota,
        cidrs=tuple(_parse_network(cidr) for cidr in _check_list(cidrs, "cidrs")),
        name=check_name(name, "name") if name else "",
    )
    store.add(record)
    return Issued(key, record)


def rotate(store: KeyStore, key_id: str, overlap: float, now: float | None = None) -> Issued:
    """Create a key with the same rights and lifetime; the old key ends in `overlap` seconds.

    Raises ValueError if the old key does not exist or has ended.
    """
    now = time.time() if now is None else now
    if not overlap >= 0:
        raise ValueError(f"overlap {overlap!r}: give seconds, 0 or more")
    old = next((record for record in store.records() if record.key_id == key_id), None)
    if old is None:
        raise _unknown(key_id)
    if is_ended(old, now):
        raise ValueError(f"key {key_id!r} has ended: create a new one for {old.consumer!r}")
    key = generate(old.environment)
    record = msgspec.structs.replace(
        old,
        key_id=_generate_id(),
        created_at=now,
        digest=digest(key),
        expires_at=None if old.expires_at is None else now + old.expires_at - old.created_at,
        revoked_at=None,
        last_used_at=None,
    )
    # Create the new key first: if `revoke` fails, the consumer still has a working key.
    store.add(record)
    store.revoke(key_id, now + overlap)
    return Issued(key, record)


def revoke(store: KeyStore, key_id: str, now: float | None = None) -> None:
    """Revoke a key at once. Raises ValueError if it does not exist."""
    if not store.revoke(key_id, time.time() if now is None else now):
        raise _unknown(key_id)


def limit_consumer(store: KeyStore, consumer: str, limits: str) -> None:
    """Set the limits that all keys of a consumer share; "" removes them.

    Raises ValueError if the limits are invalid.
    """
    change_consumer(store, consumer, limits=limits)


def change_consumer(
    store: KeyStore,
    consumer: str,
    *,
    plans: Collection[str] = (),
    limits: str | None = None,
    plan: str | None = None,
    custom_id: str | None = None,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Set the given fields of a consumer; "" clears a field. `plans`: the names of known plans.

    Raises ValueError with the fix for a bad value.
    """
    check_name(consumer, "consumer")
    fields: dict[str, str | Mapping[str, str]] = {}
    if limits is not None:
        fields["limits"] = normalize_limits(limits)
    if plan is not None:
        if plan and plan not in plans:
            known = ", ".join(sorted(plans)) or "none, add a section [plans.<name>]"
            raise ValueError(
                f"plan {check_name(plan, 'plan')!r} is unknown, the plans are: {known}"
            )
        fields["plan"] = plan
    if custom_id is not None:
        fields["custom_id"] = check_name(custom_id, "custom id") if custom_id else ""
    if metadata is not None:
        for name, value in metadata.items():
            check_name(name, "name of metadata")
            check_name(value, f"metadata {name}")
        if len(metadata) > MAX_METADATA:
            raise ValueError(f"metadata: give at most {MAX_METADATA} entries")
        fields["metadata"] = dict(metadata)
    if not fields:
        raise ValueError("nothing to change: give limits, a plan, a custom id or metadata")
    store.set_consumer(consumer, **fields)


def check_id(store: KeyStore, key_id: str) -> None:
    """Raise ValueError if no key has this id; the message does not show the id."""
    if all(record.key_id != key_id for record in store.records()):
        raise _unknown(key_id)


def is_ended(record: KeyRecord, now: float) -> bool:
    """Return whether a key is expired or revoked at `now` (Unix seconds)."""
    ends = (record.expires_at, record.revoked_at)
    return any(end is not None and end <= now for end in ends)


def check_name(text: str, what: str) -> str:
    """Return `text` if it is a name that is safe to show and log; otherwise raise ValueError."""
    if not text or text != text.strip() or len(text) > MAX_NAME or not text.isprintable():
        raise ValueError(
            f"{what} {text[:MAX_NAME]!r}: write 1 to {MAX_NAME} printable characters, "
            "no space at either end"
        )
    if holds_secret(text):
        raise ValueError(f"{what}: that is a key itself, give a name")
    return text


def normalize_limits(text: str) -> str:
    """Return limits in their standard form, "" for no limits. Raises ValueError if invalid."""
    if not text.strip():
        return ""
    try:
        return ", ".join(map(str, parse_limit(text)))
    except ValueError as error:
        raise ValueError(f"limits: {error}") from None


def _unknown(key_id: str) -> ValueError:
    # Never show the text that was given: it may be part of a key.
    what = "that is the key itself, give its id" if holds_secret(key_id) else "no key has this id"
    return ValueError(f"{what}: `neurova keys list` lists all keys")


def _check_list(values: Iterable[str], what: str) -> Iterable[str]:
    if isinstance(values, str):
        raise ValueError(f"{what} {values!r} is one string: give a list, [{values!r}]")
    return values


def _check_scopes(scopes: Iterable[str]) -> frozenset[str]:
    checked = frozenset(_check_list(scopes, "scopes"))
    for scope in checked:
        if not SCOPE.fullmatch(scope) or len(scope) > MAX_NAME:
            raise ValueError(f'scope {scope!r}: write it in lower case, like "booking:write"')
    return checked


def _parse_network(cidr: str) -> str:
    try:
        return str(parse_network(cidr))
    except ValueError:
        pass
    try:
        fix = f"did you mean {ipaddress.ip_interface(cidr).network}?"
    except ValueError:
        fix = 'write a network like "10.0.0.0/8" or "2001:db8::/32", or one address'
    raise ValueError(f"cidr {cidr!r} is not a network: {fix}")


def _generate_id() -> str:
    return "key_" + "".join(secrets.choice(ALPHABET) for _ in range(16))
