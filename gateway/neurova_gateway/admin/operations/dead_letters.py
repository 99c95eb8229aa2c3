"""/v1/queues and /v1/replays: the queues of subscriptions, and their dead letters."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from neurova.dead_letters.letters import MAX_LISTED, Cause, DeadLetter, DeadLetterDetails, NotFound
from neurova.dead_letters.replays import Replay, ReplayedEvent
from neurova.events.codec import InvalidEvent, UndecodableEvent
from neurova.http.problem import Reject

from ..context import AdminContext
from ..operation import Call, operation
from ..paging import Page, paginate

SHORT_REPLAY = 1.0  # seconds; after that, the response is sent while the replay still runs
_LETTER = "/v1/queues/{queue}/dead-letters/{id}"


class QueueState(msgspec.Struct, frozen=True):
    """The queue of a subscription and the number of its messages; -1: unknown.

    `oldest`: when the first ready one was published, in Unix seconds; 0: none, or unknown.
    """

    name: str
    events: tuple[str, ...]
    ordered: bool
    ready: int
    delivered: int
    delayed: int
    dead: int
    oldest: float


class NewValues(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The values of an event, one for each field of its schema."""

    values: dict[str, Any]


class NewReplay(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The dead letters to replay: either `ids`, or all whose last cause contains `cause`.

    `rate` is in events per second.
    """

    ids: Annotated[tuple[str, ...], Meta(max_length=MAX_LISTED)] = ()
    cause: str = ""
    rate: Annotated[float, Meta(gt=0, le=10_000)] = 100.0


@operation("GET", "/v1/queues", errors=(400,))
async def list_queues(context: AdminContext, call: Call) -> Page[QueueState]:
    """List the queues of all subscriptions, with the number of their messages."""
    depths = await context.dead_letters().depths()
    states = [QueueState(**queue._asdict(), **depth._asdict()) for queue, depth in depths]
    return paginate(states, call.query, lambda each: each.name)


@operation(
    "GET",
    "/v1/queues/{queue}/dead-letters",
    query={"cause": "Only dead letters whose last cause contains this text."},
    errors=(400, 404),
)
async def list_dead_letters(context: AdminContext, call: Call) -> Page[DeadLetter]:
    """List the dead letters of a queue, in the order in which they died."""
    with _refusals():
        found = await context.dead_letters().search(call.path["queue"], call.query.get("cause", ""))
    return paginate(sorted(found, key=_sort_key), call.query, _sort_key, tuple[float, str])


@operation("GET", "/v1/queues/{queue}/causes", errors=(400, 404))
async def list_causes(context: AdminContext, call: Call) -> Page[Cause]:
    """List the causes of the dead letters of a queue, with their number."""
    with _refusals():
        found = await context.dead_letters().causes(call.path["queue"])
    return paginate(sorted(found, key=lambda each: each.cause), call.query, lambda each: each.cause)


@operation("GET", _LETTER, errors=(404,))
async def get_dead_letter(context: AdminContext, call: Call) -> DeadLetterDetails:
    """Get a dead letter: its values, its trace and all its failures."""
    with _refusals():
        return await context.dead_letters().show(call.path["queue"], call.path["id"])


@operation("PATCH", _LETTER, errors=(404, 422), audit="edit dead letter")
async def edit_dead_letter(context: AdminContext, call: Call, body: NewValues) -> DeadLetterDetails:
    """Replace the values of a dead letter; replay it afterwards."""
    queue, id = call.path["queue"], call.path["id"]
    with _refusals():
        await context.dead_letters().edit(queue, id, body.values)
        call.audit.update(queue=queue, ids=[id])
        return await context.dead_letters().show(queue, id)


@operation("DELETE", _LETTER, errors=(404,), audit="drop dead letter")
async def drop_dead_letter(context: AdminContext, call: Call) -> DeadLetter:
    """Delete a dead letter for good."""
    queue, id = call.path["queue"], call.path["id"]
    with _refusals():
        found = await context.dead_letters().show(queue, id)
        await context.dead_letters().drop(queue, [id])
    call.audit.update(queue=queue, ids=[id])
    return found


@operation(
    "POST",
    "/v1/queues/{queue}/replays",
    status=202,
    errors=(404, 422),
    audit="replay dead letters",
)
async def start_replay(context: AdminContext, call: Call, body: NewReplay) -> Replay:
    """Replay dead letters as they are now; those that die later are not included."""
    if bool(body.ids) == bool(body.cause):
        raise Reject(422, "Give either ids, or a cause")
    letters, queue = context.dead_letters(), call.path["queue"]
    with _refusals():
        found = await letters.search(queue, body.cause)
    ids = list(dict.fromkeys(body.ids)) or [each.id for each in found]
    replay = context.replays.start(letters, queue, ids, body.rate)
    call.audit.update(queue=queue, cause=body.cause, ids=ids, replay=replay.id)
    await asyncio.wait([replay.task], timeout=SHORT_REPLAY)
    return await replay.progress()


@operation("GET", "/v1/replays/{replay_id}", errors=(404,))
async def get_replay(context: AdminContext, call: Call) -> Replay:
    """Get the progress of a replay."""
    with _refusals():
        return await context.replays.find(call.path["replay_id"]).progress()


@operation("GET", "/v1/replays/{replay_id}/events", errors=(400, 404))
async def list_replayed_events(context: AdminContext, call: Call) -> Page[ReplayedEvent]:
    """List the events of a replay; "handled" is shown once the handler has committed."""
    with _refusals():
        statuses = await context.replays.find(call.path["replay_id"]).statuses()
    events = [ReplayedEvent(id, status) for id, status in sorted(statuses.items())]
    return paginate(events, call.query, lambda each: each.id)


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except NotFound as error:
        raise Reject(404, str(error)) from None
    except (InvalidEvent, UndecodableEvent) as error:
        raise Reject(422, str(error)) from None


def _sort_key(letter: DeadLetter) -> tuple[float, str]:
    return letter.died, letter.id


OPERATIONS = (
    list_queues,
    list_dead_letters,
    list_causes,
    get_dead_letter,
    edit_dead_letter,
    drop_dead_letter,
    start_replay,
    get_replay,
    list_replayed_events,
)
