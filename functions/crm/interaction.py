"""Record an interaction with a customer."""

from datetime import UTC, datetime
from uuid import uuid4

from msgspec import Struct, structs

from neurova import Caller, Tx, post

from .customers import get_unmerged
from .domain import Channel, Interaction, Kind, Moment, Text, interactions, to_utc
from .index import index_text

_insert = interactions.insert()


class NewInteraction(Struct, kw_only=True, forbid_unknown_fields=True):
    """A new interaction. `at` defaults to now."""

    kind: Kind
    channel: Channel
    summary: Text
    at: Moment | None = None


@post("/customers/{id}/interactions", scopes=["crm:write"], status=201)
async def record_interaction(id: str, new: NewInteraction, caller: Caller, tx: Tx) -> Interaction:
    """Record an interaction with a customer. Search covers its summary."""
    now = datetime.now(UTC)
    interaction = Interaction(
        id=uuid4().hex,
        kind=new.kind,
        channel=new.channel,
        at=now if new.at is None else to_utc(new.at, "/at"),
        summary=new.summary,
        author=caller.consumer,
        created=now,
    )
    await get_unmerged(tx, id)
    await tx.execute(_insert, {"customer": id, **structs.asdict(interaction)})
    await index_text(tx, id, "interaction", new.summary)
    return interaction
