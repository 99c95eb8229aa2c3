"""/v1/consumers and /v1/plans: consumers, the plans that they hold, and their usage."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec

from neurova.http.problem import Reject

from ...keys import issuer
from ...keys.base import ConsumerRecord, KeyRecord, Usage
from ...metrics.key_usage import DAY, day_of
from ..context import AdminContext
from ..operation import Call, operation
from ..paging import Page, paginate
from .keys import key_state

USAGE_DAYS = 30
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class Consumer(msgspec.Struct, frozen=True):
    """A consumer: the number of its keys, and what they share; "" for none."""

    consumer: str
    keys: int
    active: int
    limits: str
    plan: str
    custom_id: str
    metadata: Mapping[str, str]
    last_used_at: float | None


class ConsumerChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The new values of a consumer, "" for none; a value that is left out stays."""

    limits: str | None = None
    plan: str | None = None
    custom_id: str | None = None
    metadata: dict[str, str] | None = None


class PlanEntry(msgspec.Struct, frozen=True):
    """A plan of neurova.toml, and the number of consumers that hold it."""

    name: str
    scopes: tuple[str, ...]
    limit: str
    quota: int
    consumers: int


@operation("GET", "/v1/consumers")
def list_consumers(context: AdminContext, call: Call) -> Page[Consumer]:
    """List the consumers that have keys, a plan or limits."""
    by_name: dict[str, list[KeyRecord]] = {}
    for record in context.keys().records():
        by_name.setdefault(record.consumer, []).append(record)
    stored = {each.consumer: each for each in context.keys().consumers()}
    now = context.clock()
    consumers = [
        _consumer(stored.get(name, ConsumerRecord(name)), by_name.get(name, ()), now)
        for name in sorted(by_name.keys() | stored.keys())
    ]
    return paginate(consumers, call.query, lambda each: each.consumer)


# `:path`, because the name of a consumer may contain a slash.
@operation("GET", "/v1/consumers/{consumer:path}", errors=(404,))
def get_consumer(context: AdminContext, call: Call) -> Consumer:
    """Get a consumer."""
    return _load(context, call.path["consumer"])


@operation("PATCH", "/v1/consumers/{consumer:path}", errors=(404, 422), audit="change")
def change_consumer(context: AdminContext, call: Call, body: ConsumerChange) -> Consumer:
    """Set limits, plan, custom id or metadata of a consumer."""
    name = call.path["consumer"]
    _load(context, name)
    try:
        issuer.change_consumer(
            context.keys(), name, plans=context.plans, **msgspec.structs.asdict(body)
        )
    except ValueError as error:
        raise Reject(422, str(error)) from None
    changed = _load(context, name)
    call.audit.update(
        {field: value for field, value in msgspec.structs.asdict(body).items() if value is not None}
        | {"consumer": name}
    )
    return changed


@operation("GET", "/v1/plans")
def list_plans(context: AdminContext, call: Call) -> Page[PlanEntry]:
    """List the plans, and how many consumers hold each."""
    held = [each.plan for each in context.keys().consumers()]
    plans = [
        PlanEntry(name, plan.scopes, plan.limit, plan.quota, held.count(name))
        for name, plan in sorted(context.plans.items())
    ]
    return paginate(plans, call.query, lambda each: each.name)


@operation(
    "GET",
    "/v1/usage",
    query={
        "consumer": "Only calls of this consumer.",
        "since": f"The first day, like 2026-11-30 (UTC); default: {USAGE_DAYS} days ago.",
    },
    errors=(400,),
)
def list_usage(context: AdminContext, call: Call) -> Page[Usage]:
    """List the calls by day, consumer, key and function."""
    since = call.query.get("since") or day_of(context.clock() - USAGE_DAYS * DAY)
    if not _DATE.fullmatch(since):
        raise Reject(400, f"since {since[:32]!r}: write a day like 2026-11-30")
    usage = context.keys().usage(since, call.query.get("consumer"))
    return paginate(usage, call.query, _usage_key, tuple[str, str, str, str])


def _usage_key(usage: Usage) -> tuple[str, str, str, str]:
    return usage.day, usage.consumer, usage.key_id, usage.function


def _load(context: AdminContext, name: str) -> Consumer:
    store = context.keys()
    records = store.records(name)
    stored = next((each for each in store.consumers() if each.consumer == name), None)
    if not records and stored is None:
        raise Reject(404, "No such consumer, see /v1/consumers")
    return _consumer(stored or ConsumerRecord(name), records, context.clock())


def _consumer(stored: ConsumerRecord, records: Sequence[KeyRecord], now: float) -> Consumer:
    return Consumer(
        stored.consumer,
        len(records),
        sum(key_state(record, now) == "active" for record in records),
        stored.limits,
        stored.plan,
        stored.custom_id,
        stored.metadata,
        max((record.last_used_at for record in records if record.last_used_at), default=None),
    )


OPERATIONS = (list_consumers, get_consumer, change_consumer, list_plans, list_usage)
