"""/v1/keys: create, list, rotate and revoke API keys."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta

from neurova.http.problem import Reject

from ...keys import issuer
from ...keys.base import KeyRecord, KeyStore
from ...keys.issuer import Issued
from ..context import AdminContext
from ..operation import Call, operation
from ..paging import Page, paginate

TEN_YEARS = 10 * 366 * 86_400
KeyState = Literal["active", "expired", "revoked"]
FILTERS = {"environment": ("live", "test"), "state": get_args(KeyState)}


class NewKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key to create; `expires_in` is in seconds, `environment` "" means the platform's own."""

    consumer: str
    environment: Literal["", "live", "test"] = ""
    scopes: tuple[str, ...] = ()
    expires_in: Annotated[float, Meta(gt=0, le=TEN_YEARS)] | None = None
    limits: str = ""
    consumer_limits: str | None = None
    quota: Annotated[int, Meta(ge=0, le=1_000_000_000_000)] = 0
    cidrs: tuple[str, ...] = ()
    name: str = ""


class Rotation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The rotation of a key: the old and the new key both work for `overlap` seconds."""

    overlap: Annotated[float, Meta(ge=0, le=TEN_YEARS)] = 3600.0


class Key(msgspec.Struct, frozen=True):
    """A key without its secret; times are Unix seconds, None for no end or never used."""

    key_id: str
    consumer: str
    environment: str
    state: KeyState
    scopes: tuple[str, ...]
    created_at: float
    expires_at: float | None
    revoked_at: float | None
    last_used_at: float | None
    limits: str
    consumer_limits: str
    plan: str
    custom_id: str
    quota: int
    cidrs: tuple[str, ...]
    name: str


class IssuedKey(Key, frozen=True, kw_only=True):
    """A new key with its secret, which is shown only once."""

    key: str


@operation(
    "GET",
    "/v1/keys",
    query={
        "consumer": "Only keys of this consumer.",
        "environment": "Only keys of this environment: live or test.",
        "state": "Only keys in this state: active, expired or revoked.",
    },
    errors=(400,),
)
def list_keys(context: AdminContext, call: Call) -> Page[Key]:
    """List the keys, without their secrets."""
    now = context.clock()
    records = context.keys().records(call.query.get("consumer"))
    keys = sorted((_key(record, now) for record in records), key=_sort_key)
    for name, allowed in FILTERS.items():
        if name in call.query:
            value = call.query[name]
            if value not in allowed:
                raise Reject(400, f"Invalid {name} {value[:32]!r}, use one of {', '.join(allowed)}")
            keys = [each for each in keys if getattr(each, name) == value]
    return paginate(keys, call.query, _sort_key, tuple[float, str])


@operation("GET", "/v1/keys/{key_id}", errors=(404,))
def get_key(context: AdminContext, call: Call) -> Key:
    """Get a key, without its secret."""
    return _key(_record(context.keys(), call.path["key_id"]), context.clock())


@operation("POST", "/v1/keys", status=201, errors=(422,), audit="create")
def create_key(context: AdminContext, call: Call, body: NewKey) -> IssuedKey:
    """Create a key. The response shows the key, only this once."""
    store = context.keys()
    try:
        # Check all values before anything is written.
        consumer_limits = issuer.normalize_limits(body.consumer_limits or "")
        issued = issuer.create(
            store,
            body.consumer,
            body.environment or context.environment,
            body.scopes,
            body.expires_in,
            body.limits,
            body.quota,
            body.cidrs,
            name=body.name,
            now=context.clock(),
        )
    except ValueError as error:
        raise Reject(422, str(error)) from None
    if body.consumer_limits is not None:
        issuer.limit_consumer(store, body.consumer, consumer_limits)
        record = msgspec.structs.replace(issued.record, consumer_limits=consumer_limits)
        issued = Issued(issued.key, record)
    return _issued_key(context, call, issued)


@operation("POST", "/v1/keys/{key_id}/rotate", status=201, errors=(404, 409, 422), audit="rotate")
def rotate_key(context: AdminContext, call: Call, body: Rotation) -> IssuedKey:
    """Replace a key by a new one with the same rights."""
    store, key_id, overlap = context.keys(), call.path["key_id"], body.overlap
    _record(store, key_id)
    try:
        issued = issuer.rotate(store, key_id, overlap, context.clock())
    except ValueError as error:
        raise Reject(409, str(error)) from None
    call.audit.update(rotated=key_id, overlap=overlap)
    return _issued_key(context, call, issued)


@operation("POST", "/v1/keys/{key_id}/revoke", errors=(404,), audit="revoke")
def revoke_key(context: AdminContext, call: Call) -> Key:
    """Revoke a key at once."""
    store, key_id = context.keys(), call.path["key_id"]
    _record(store, key_id)
    issuer.revoke(store, key_id, context.clock())
    record = _record(store, key_id)
    call.audit.update(key_id=key_id, consumer=record.consumer)
    return _key(record, context.clock())


def key_state(record: KeyRecord, now: float) -> KeyState:
    """Return the state of a key at `now` (Unix seconds)."""
    if record.revoked_at is not None and record.revoked_at <= now:
        return "revoked"
    return "expired" if issuer.is_ended(record, now) else "active"


def _key(record: KeyRecord, now: float) -> Key:
    return Key(**_fields(record, now))


def _issued_key(context: AdminContext, call: Call, issued: Issued) -> IssuedKey:
    fields = _fields(issued.record, context.clock())
    call.audit.update(fields)
    return IssuedKey(**fields, key=issued.key)


def _fields(record: KeyRecord, now: float) -> dict[str, Any]:
    fields = {name: getattr(record, name) for name in Key.__struct_fields__ if name != "state"}
    return fields | {"state": key_state(record, now), "scopes": tuple(sorted(record.scopes))}


def _sort_key(key: Key) -> tuple[float, str]:
    return key.created_at, key.key_id


def _record(store: KeyStore, key_id: str) -> KeyRecord:
    for record in store.records():
        if record.key_id == key_id:
            return record
    raise Reject(404, "No key has this id (which is not the key itself), see /v1/keys")


OPERATIONS = (list_keys, create_key, get_key, rotate_key, revoke_key)
