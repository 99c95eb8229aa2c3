"""/v1/consumers: who holds keys, and what binds all of them together."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from neurova.http.problem import Reject

from ...keys import issuer
from ...keys.base import KeyRecord
from ..answer import answer, body, path, query
from ..page import PARAMETERS, Page, paged
from ..sources import Sources
from .keys import state


class Consumer(msgspec.Struct, frozen=True):
    """One consumer: its keys, how many work, and the limits of all together, "" for none."""

    consumer: str
    keys: int
    active: int
    limits: str
    last_used_at: float | None


class Change(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Ask for other limits, "" for none."""

    limits: str


def routes(sources: Sources) -> list[Route]:
    """Return the resources of consumers."""

    def listed(request: Request) -> Response:
        asked = query(request, PARAMETERS)
        by_name: dict[str, list[KeyRecord]] = {}
        for record in sources.keys().records():
            by_name.setdefault(record.consumer, []).append(record)
        now = sources.clock()
        found = [_consumer(name, by_name[name], now) for name in sorted(by_name)]
        return answer(Page(*paged(found, asked, lambda each: each.consumer)))

    def one(request: Request) -> Response:
        query(request, ())
        return answer(_known(sources, path(request, "consumer")))

    async def change(request: Request) -> Response:
        query(request, ())
        asked = await body(request, Change)
        consumer = path(request, "consumer")
        changed = await run_in_threadpool(_limit, sources, consumer, asked.limits)
        request.state.audit = {"did": "limit", "consumer": consumer, "limits": changed.limits}
        return answer(changed)

    return [
        Route("/v1/consumers", listed),
        # A consumer's name may hold a slash.
        Route("/v1/consumers/{consumer:path}", one),
        Route("/v1/consumers/{consumer:path}", change, methods=["PATCH"]),
    ]


def _limit(sources: Sources, consumer: str, limits: str) -> Consumer:
    _known(sources, consumer)
    try:
        issuer.limit_consumer(sources.keys(), consumer, limits)
    except ValueError as error:
        raise Reject(422, str(error)) from None
    return _known(sources, consumer)


def _known(sources: Sources, consumer: str) -> Consumer:
    records = sources.keys().records(consumer)
    if not records:
        raise Reject(404, "no key is that consumer's: /v1/consumers lists all")
    return _consumer(consumer, records, sources.clock())


def _consumer(name: str, records: Sequence[KeyRecord], now: float) -> Consumer:
    return Consumer(
        name,
        len(records),
        sum(state(record, now) == "active" for record in records),
        records[0].consumer_limits,
        max((record.last_used_at for record in records if record.last_used_at), default=None),
    )
