"""/v1/consumers: the consumers that have keys, and the limits of all keys of a consumer."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from neurova.http.problem import Reject

from ...keys import issuer
from ...keys.base import KeyRecord
from ..context import AdminContext
from ..operation import Call, operation
from ..paging import Page, paginate
from .keys import key_state


class Consumer(msgspec.Struct, frozen=True):
    """A consumer: the number of its keys, and the limits that they share, "" for none."""

    consumer: str
    keys: int
    active: int
    limits: str
    last_used_at: float | None


class ConsumerChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The new limits of a consumer, "" for none."""

    limits: str


@operation("GET", "/v1/consumers")
def list_consumers(context: AdminContext, call: Call) -> Page[Consumer]:
    """List the consumers that have keys."""
    by_name: dict[str, list[KeyRecord]] = {}
    for record in context.keys().records():
        by_name.setdefault(record.consumer, []).append(record)
    now = context.clock()
    consumers = [_consumer(name, by_name[name], now) for name in sorted(by_name)]
    return paginate(consumers, call.query, lambda each: each.consumer)


# `:path`, because the name of a consumer may contain a slash.
@operation("GET", "/v1/consumers/{consumer:path}", errors=(404,))
def get_consumer(context: AdminContext, call: Call) -> Consumer:
    """Get a consumer."""
    return _load(context, call.path["consumer"])


@operation("PATCH", "/v1/consumers/{consumer:path}", errors=(404, 422), audit="limit")
def change_consumer(context: AdminContext, call: Call, body: ConsumerChange) -> Consumer:
    """Set the limits of all keys of a consumer."""
    name = call.path["consumer"]
    _load(context, name)
    try:
        issuer.limit_consumer(context.keys(), name, body.limits)
    except ValueError as error:
        raise Reject(422, str(error)) from None
    changed = _load(context, name)
    call.audit.update(consumer=name, limits=changed.limits)
    return changed


def _load(context: AdminContext, name: str) -> Consumer:
    records = context.keys().records(name)
    if not records:
        raise Reject(404, "No key belongs to this consumer, see /v1/consumers")
    return _consumer(name, records, context.clock())


def _consumer(name: str, records: Sequence[KeyRecord], now: float) -> Consumer:
    return Consumer(
        name,
        len(records),
        sum(key_state(record, now) == "active" for record in records),
        records[0].consumer_limits,
        max((record.last_used_at for record in records if record.last_used_at), default=None),
    )


OPERATIONS = (list_consumers, get_consumer, change_consumer)
