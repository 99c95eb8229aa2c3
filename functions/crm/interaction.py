"""Record an interaction with a customer."""

from datetime import UTC, datetime
from uuid import uuid4

from msgspec import Struct, structs

from neurova import Caller, Tx, post

from .customers import current
from .domain import Channel, Interaction, Kind, Moment, Text, interactions, utc
from .index import add

_add = interactions.insert()


class NewInteraction(Struct, kw_only=True, forbid_unknown_fields=True):
    """Say what happened; without `at` it happened now."""

    kind: Kind
    channel: Channel
    summary: Text
    at: Moment | None = None


@post("/customers/{id}/interactions", scopes=["crm:write"], status=201)
async def record_interaction(id: str, new: NewInteraction, caller: Caller, tx: Tx) -> Interaction:
    """Record an interaction with a customer, who is then found by its summary too."""
    now = datetime.now(UTC)
    interaction = Interaction(
        id=uuid4().hex,
        kind=new.kind,
        channel=new.channel,
        at=now if new.at is None else utc(new.at, "/at"),
        summary=new.summary,
        author=caller.consumer,
        created=now,
    )
    await current(tx, id)
    await tx.execute(_add, {"customer": id, **structs.asdict(interaction)})
    await add(tx, id, "interaction", new.summary)
    return interaction
