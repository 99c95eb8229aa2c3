"""Note something on a customer."""

from datetime import UTC, datetime
from uuid import uuid4

from msgspec import Struct, structs

from neurova import Caller, Tx, post

from .customers import current
from .domain import Note, Text, notes
from .index import add

_add = notes.insert()


class NewNote(Struct, forbid_unknown_fields=True):
    """Say what is to be remembered."""

    text: Text


@post("/customers/{id}/notes", scopes=["crm:write"], status=201)
async def add_note(id: str, new: NewNote, caller: Caller, tx: Tx) -> Note:
    """Add a note to a customer, who is then found by its words too."""
    await current(tx, id)
    return await write(tx, id, new.text, caller.consumer)


async def write(tx: Tx, id: str, text: str, author: str) -> Note:
    """Add a note to a customer that is there."""
    note = Note(uuid4().hex, text, author, datetime.now(UTC))
    await tx.execute(_add, {"customer": id, **structs.asdict(note)})
    await add(tx, id, "note", text)
    return note
