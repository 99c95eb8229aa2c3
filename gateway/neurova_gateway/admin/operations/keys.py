"""/v1/keys: API keys, made, listed, rotated, revoked; a key itself is shown when it is made."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from neurova.http.problem import Reject

from ...keys import issuer
from ...keys.base import KeyRecord, KeyStore
from ...keys.issuer import Issued
from ..answer import answer, body, path, query
from ..page import PARAMETERS, Page, paged
from ..sources import Sources

YEARS = 10 * 366 * 86_400
State = Literal["active", "expired", "revoked"]
NARROWED = {"environment": ("live", "test"), "state": get_args(State)}


class NewKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Ask for a key; `environment` "" is that of the platform, `expires_in` is in seconds."""

    consumer: str
    environment: Literal["", "live", "test"] = ""
    scopes: tuple[str, ...] = ()
    expires_in: Annotated[float, Meta(gt=0, le=YEARS)] | None = None
    limits: str = ""
    consumer_limits: str | None = None
    quota: Annotated[int, Meta(ge=0, le=1_000_000_000_000)] = 0
    cidrs: tuple[str, ...] = ()
    name: str = ""


class Rotation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Ask for a successor; both keys work for `overlap` seconds."""

    overlap: Annotated[float, Meta(ge=0, le=YEARS)] = 3600.0


class Key(msgspec.Struct, frozen=True):
    """Show a key without the key; times are Unix seconds, None: no end, or never."""

    key_id: str
    consumer: str
    environment: str
    state: State
    scopes: tuple[str, ...]
    created_at: float
    expires_at: float | None
    revoked_at: float | None
    last_used_at: float | None
    limits: str
    consumer_limits: str
    quota: int
    cidrs: tuple[str, ...]
    name: str


class IssuedKey(Key, frozen=True, kw_only=True):
    """Show a key with the key itself, this once."""

    key: str


def routes(sources: Sources) -> list[Route]:
    """Return the resources of keys."""

    def listed(request: Request) -> Response:
        asked = query(request, PARAMETERS | {"consumer", "environment", "state"})
        store, now = sources.keys(), sources.clock()
        records = store.records(asked.get("consumer"))
        found = sorted((shown(record, now) for record in records), key=_place)
        for name, known in NARROWED.items():
            if name in asked:
                if asked[name] not in known:
                    ways = ", ".join(known)
                    raise Reject(400, f"{name} {asked[name][:32]!r} is none: use one of {ways}")
                found = [each for each in found if getattr(each, name) == asked[name]]
        return answer(Page(*paged(found, asked, _place, tuple[float, str])))

    def one(request: Request) -> Response:
        query(request, ())
        return answer(shown(_known(sources.keys(), path(request, "key_id")), sources.clock()))

    async def create(request: Request) -> Response:
        query(request, ())
        asked = await body(request, NewKey)
        issued = await run_in_threadpool(_create, sources, asked)
        return _handed_over(request, "create", issued, sources.clock())

    async def rotate(request: Request) -> Response:
        query(request, ())
        asked = await body(request, Rotation)
        key_id = path(request, "key_id")
        issued = await run_in_threadpool(_rotate, sources, key_id, asked.overlap)
        return _handed_over(
            request, "rotate", issued, sources.clock(), rotated=key_id, overlap=asked.overlap
        )

    def revoke(request: Request) -> Response:
        query(request, ())
        store, key_id = sources.keys(), path(request, "key_id")
        _known(store, key_id)
        issuer.revoke(store, key_id, sources.clock())
        record = _known(store, key_id)
        request.state.audit = {"did": "revoke", "key_id": key_id, "consumer": record.consumer}
        return answer(shown(record, sources.clock()))

    return [
        Route("/v1/keys", listed),
        Route("/v1/keys", create, methods=["POST"]),
        Route("/v1/keys/{key_id}", one),
        Route("/v1/keys/{key_id}/rotate", rotate, methods=["POST"]),
        Route("/v1/keys/{key_id}/revoke", revoke, methods=["POST"]),
    ]


def shown(record: KeyRecord, now: float) -> Key:
    """Return what may be seen of a key at `now`, in Unix seconds."""
    return Key(**_parts(record, now))


def _parts(record: KeyRecord, now: float) -> dict[str, Any]:
    parts = {name: getattr(record, name) for name in Key.__struct_fields__ if name != "state"}
    return parts | {"state": state(record, now), "scopes": tuple(sorted(record.scopes))}


def state(record: KeyRecord, now: float) -> State:
    """Return whether a key works at `now`, or why not."""
    if record.revoked_at is not None and record.revoked_at <= now:
        return "revoked"
    return "expired" if issuer.ended(record, now) else "active"


def _place(key: Key) -> tuple[float, str]:
    return key.created_at, key.key_id


def _known(store: KeyStore, key_id: str) -> KeyRecord:
    for record in store.records():
        if record.key_id == key_id:
            return record
    raise Reject(404, "there is no key of that id: /v1/keys lists all")


def _create(sources: Sources, asked: NewKey) -> Issued:
    store = sources.keys()
    try:
        # All values are looked at before anything is written.
        together = issuer.checked_limits(asked.consumer_limits or "")
        issued = issuer.create(
            store,
            asked.consumer,
            asked.environment or sources.environment,
            asked.scopes,
            asked.expires_in,
            asked.limits,
            asked.quota,
            asked.cidrs,
            name=asked.name,
            now=sources.clock(),
        )
    except ValueError as error:
        raise Reject(422, str(error)) from None
    if asked.consumer_limits is not None:
        issuer.limit_consumer(store, asked.consumer, together)
        record = msgspec.structs.replace(issued.record, consumer_limits=together)
        return Issued(issued.key, record)
    return issued


def _rotate(sources: Sources, key_id: str, overlap: float) -> Issued:
    store = sources.keys()
    _known(store, key_id)
    try:
        return issuer.rotate(store, key_id, overlap, sources.clock())
    except ValueError as error:
        raise Reject(409, str(error)) from None


def _handed_over(request: Request, did: str, issued: Issued, now: float, **more: Any) -> Response:
    parts = _parts(issued.record, now)
    request.state.audit = {"did": did, **more, **parts}
    return answer(IssuedKey(**parts, key=issued.key), 201)
