"""Add a note to a customer."""

from datetime import UTC, datetime
from uuid import uuid4

from msgspec import Struct, structs

from neurova import Caller, Tx, post

from .customers import get_unmerged
from .domain import Note, Text, notes
from .index import index_text

_insert = notes.insert()


class NewNote(Struct, forbid_unknown_fields=True):
    """The text of a new note."""

    text: Text


@post("/customers/{id}/notes", scopes=["crm:write"], status=201)
async def add_note(id: str, new: NewNote, caller: Caller, tx: Tx) -> Note:
    """Add a note to a customer. Search covers its text."""
    await get_unmerged(tx, id)
    return await store_note(tx, id, new.text, caller.consumer)


async def store_note(tx: Tx, customer: str, text: str, author: str) -> Note:
    """Insert and index a note on an existing customer."""
    note = Note(uuid4().hex, text, author, datetime.now(UTC))
    await tx.execute(_insert, {"customer": customer, **structs.asdict(note)})
    await index_text(tx, customer, "note", text)
    return note
