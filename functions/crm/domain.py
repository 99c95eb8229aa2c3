"""What CRM knows: customers, notes on them, and interactions with them.

All of it belongs to the operator's organisation, not to the consumer whose key wrote it: a key with
`crm:read` sees every customer, one with `crm:write` adds and changes. What cannot be undone has
scopes of its own: `crm:merge` makes two customers one, `crm:erase` takes one out for good.

Emails are kept in lower case and phones as E.164 writes them (`+441234567890`). Neither is unique,
since a family or an office may share them. Times are UTC.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeVar
from uuid import uuid4

import sqlalchemy as sa
from msgspec import UNSET, Meta, Struct, UnsetType, structs

from neurova import Fault, Reject

from .words import words

Stage = Literal["lead", "customer", "former"]
Kind = Literal["question", "order", "complaint", "support", "other"]
Channel = Literal["phone", "email", "chat", "web", "letter", "in_person"]
# What is no space, to Python and to whoever else reads the published schema: they differ in `\s`.
_SEEN = r"[^\s\u0000-\u0020\u007f-\u00a0\ufeff{}]"
Name = Annotated[
    str,
    Meta(
        max_length=200,
        pattern=_SEEN.format(""),
        description="a name with more than spaces in it",
        examples=["Ada Lovelace"],
    ),
]
Company = Annotated[str, Meta(max_length=200, examples=["Analytical Engines"])]
Email = Annotated[
    str,
    Meta(
        max_length=254,
        pattern="^{0}+@{1}+([.]{1}+)+$".format(_SEEN.format("@"), _SEEN.format("@.")),
        description="an email address like ada@example.org",
        examples=["ada@example.org"],
    ),
]
Phone = Annotated[
    str,
    Meta(
        max_length=40,
        pattern=r"^\+[1-9](?:[ ().\/-]*[0-9]){6,14}$",
        description="a phone number with its country's code, like +44 1234 567890",
        examples=["+44 1234 567890"],
    ),
]
Text = Annotated[
    str,
    Meta(
        max_length=10_000,
        pattern=_SEEN.format(""),
        description="a text with more than spaces in it",
        examples=["Likes tea."],
    ),
]
Id = Annotated[
    str,
    Meta(
        pattern="^[0-9a-f]{32}$",
        description="a customer's id",
        examples=["0f8fad5bd9cb469fa16570867728950e"],
    ),
]
Moment = Annotated[datetime, Meta(tz=True)]
Place = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Limit = Annotated[int, Meta(ge=1, le=500)]
Record = TypeVar("Record", bound=Struct)


def tidy(said: dict[str, Any]) -> dict[str, Any]:
    """Return a customer's values as they are kept, however they were written."""
    kept = dict(said)
    for name in ("name", "company"):
        if isinstance(kept.get(name), str):
            kept[name] = " ".join(kept[name].split())
    if isinstance(kept.get("email"), str):
        kept["email"] = kept["email"].strip().lower()
    if isinstance(kept.get("phone"), str):
        # "+44 (0)1234" names a zero that nobody dials after the country's code.
        digits = kept["phone"].replace("(0)", "")
        kept["phone"] = "+" + "".join(filter(str.isdecimal, digits))
    return kept


def utc(moment: datetime, pointer: str, where: str = "body") -> datetime:
    """Return a moment in UTC; one beyond the calendar's ends is refused."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        fault = Fault(pointer, "must lie between the years 1 and 9999 in UTC too", where)
        raise Reject(422, "The moment is not in the calendar", errors=[fault]) from None


class NewCustomer(Struct, kw_only=True, forbid_unknown_fields=True):
    """Say who the customer is."""

    name: Name
    company: Company = ""
    email: Email | None = None
    phone: Phone | None = None
    stage: Stage = "lead"


class Change(Struct, kw_only=True, forbid_unknown_fields=True):
    """Change what is given of the customer as it was at `version`; null takes a value away."""

    version: Annotated[int, Meta(ge=1)]
    name: Name | UnsetType = UNSET
    company: Company | UnsetType = UNSET
    email: Email | UnsetType | None = UNSET
    phone: Phone | UnsetType | None = UNSET
    stage: Stage | UnsetType = UNSET


class Customer(Struct, kw_only=True):
    """Describe a customer; `version` counts its changes, notes and interactions left aside."""

    id: str
    version: int
    name: str
    company: str
    email: str | None
    phone: str | None
    stage: Stage
    created: datetime
    changed: datetime

    @classmethod
    def of(cls, new: NewCustomer) -> "Customer":
        """Make a customer with an id of its own."""
        now = datetime.now(UTC)
        said = tidy(structs.asdict(new))
        return cls(id=uuid4().hex, version=1, created=now, changed=now, **said)

    def altered(self, change: Change) -> "Customer":
        """Make the customer that a change makes of this one."""
        given = structs.asdict(change)
        return self._next({name: value for name, value in given.items() if value is not UNSET})

    def joined(self, other: "Customer") -> tuple["Customer", str]:
        """Make one customer of two; return it and, as text, what it has no place for."""
        taken: dict[str, Any] = {"created": min(self.created, other.created)}
        left = []
        for name in ("name", "company", "email", "phone", "stage"):
            mine, theirs = getattr(self, name), getattr(other, name)
            if theirs and not mine:
                taken[name] = theirs
            elif theirs and theirs != mine:
                left.append(f"{name}: {theirs}")
        return self._next(taken), "\n".join(left)

    def _next(self, values: dict[str, Any]) -> "Customer":
        now = {"version": self.version + 1, "changed": datetime.now(UTC)}
        return structs.replace(self, **(tidy(values) | now))

    def row(self) -> dict[str, Any]:
        """Return what the table holds of it."""
        return {**structs.asdict(self), "name_key": name_key(self.name)}


class Note(Struct):
    """Keep a text on a customer; `author` is the consumer whose key wrote it."""

    id: str
    text: str
    author: str
    created: datetime


class Interaction(Struct):
    """Keep what happened between a customer and us; `at` says when."""

    id: str
    kind: Kind
    channel: Channel
    at: datetime
    summary: str
    author: str
    created: datetime


def read(kind: type[Record], row: Mapping[Any, Any]) -> Record:
    """Make a customer, a note or an interaction of its row."""
    return kind(**{name: row[name] for name in kind.__struct_fields__})


def name_key(name: str) -> str | None:
    """Return what names that mean the same person share: their words in whatever order."""
    return " ".join(sorted(words(name)))[:200] or None


class InUtc(sa.TypeDecorator[datetime]):
    """Keep moments in UTC also where a database knows no time zones."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Return the moment to be kept."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Return the moment that was kept."""
        return value if value is None or value.tzinfo else value.replace(tzinfo=UTC)


metadata = sa.MetaData()

# A merged customer keeps its row, emptied, to say in `merged_into` whom it became: always one that
# is not merged itself.
customers = sa.Table(
    "customers",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("id", sa.String, nullable=False, unique=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("name", sa.String, nullable=False),
    sa.Column("name_key", sa.String, index=True),
    sa.Column("company", sa.String, nullable=False, index=True),
    sa.Column("email", sa.String, index=True),
    sa.Column("phone", sa.String, index=True),
    sa.Column("stage", sa.String, nullable=False),
    sa.Column("created", InUtc, nullable=False),
    sa.Column("changed", InUtc, nullable=False),
    sa.Column("merged_into", sa.ForeignKey("customers.id")),
)
# Of those alone that were merged: nearly all have none there, and are to be found otherwise.
_merged = customers.c.merged_into.is_not(None)
sa.Index(
    "merged_customers", customers.c.merged_into, sqlite_where=_merged, postgresql_where=_merged
)
STORED = [customers.c[name] for name in Customer.__struct_fields__]

notes = sa.Table(
    "notes",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("id", sa.String, nullable=False, unique=True),
    sa.Column("customer", sa.ForeignKey("customers.id"), nullable=False),
    sa.Column("text", sa.String, nullable=False),
    sa.Column("author", sa.String, nullable=False),
    sa.Column("created", InUtc, nullable=False),
    sa.Index("notes_of_customer", "customer", "seq"),
)

interactions = sa.Table(
    "interactions",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("id", sa.String, nullable=False, unique=True),
    sa.Column("customer", sa.ForeignKey("customers.id"), nullable=False),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("channel", sa.String, nullable=False),
    sa.Column("at", InUtc, nullable=False),
    sa.Column("summary", sa.String, nullable=False),
    sa.Column("author", sa.String, nullable=False),
    sa.Column("created", InUtc, nullable=False),
    sa.Index("interactions_of_customer", "customer", "at", "seq"),
)

# What customers are found by: a row for each of their values, notes and interactions. Its index
# is SQLite's FTS5 or PostgreSQL's tsvector, made in the migration and kept by the database.
texts = sa.Table(
    "texts",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("customer", sa.ForeignKey("customers.id"), nullable=False),
    sa.Column("part", sa.String, nullable=False),
    sa.Column("words", sa.String, nullable=False),
    sa.Index("texts_of_customer", "customer", "part"),
)
