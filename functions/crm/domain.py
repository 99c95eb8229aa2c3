"""Types, events and tables of the CRM service: customers, notes, interactions and stays.

All consumers share the data: a key with `crm:read` reads every customer, a key with `crm:write`
creates and changes them. Irreversible calls need `crm:merge` or `crm:erase`.

Emails are stored in lower case, phone numbers in E.164 form (`+441234567890`). Neither is unique,
because a family or an office may share them. Times are in UTC.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal, TypeVar
from uuid import uuid4

import sqlalchemy as sa
from msgspec import UNSET, Meta, Struct, UnsetType, structs

from neurova import Event, Fault, Reject

from .words import split_words

Stage = Literal["lead", "customer", "former"]
Kind = Literal["question", "order", "complaint", "support", "other"]
Channel = Literal["phone", "email", "chat", "web", "letter", "in_person"]
# A visible character, spelled out because Python and JSON Schema differ in what `\s` matches.
_VISIBLE = r"[^\s\u0000-\u0020\u007f-\u00a0\ufeff{}]"
Name = Annotated[
    str,
    Meta(
        max_length=200,
        pattern=_VISIBLE.format(""),
        description="a name that is not blank",
        examples=["Ada Lovelace"],
    ),
]
Company = Annotated[str, Meta(max_length=200, examples=["Analytical Engines"])]
Email = Annotated[
    str,
    Meta(
        max_length=254,
        pattern="^{0}+@{1}+([.]{1}+)+$".format(_VISIBLE.format("@"), _VISIBLE.format("@.")),
        description="an email address like ada@example.org",
        examples=["ada@example.org"],
    ),
]
Phone = Annotated[
    str,
    Meta(
        max_length=40,
        pattern=r"^\+[1-9](?:[ ().\/-]*[0-9]){6,14}$",
        description="a phone number with its country code, like +44 1234 567890",
        examples=["+44 1234 567890"],
    ),
]
Text = Annotated[
    str,
    Meta(
        max_length=10_000,
        pattern=_VISIBLE.format(""),
        description="a text that is not blank",
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
MAX_POSITION = 2**31 - 1
Position = Annotated[int, Meta(ge=0, le=MAX_POSITION)]
Limit = Annotated[int, Meta(ge=1, le=500)]
Record = TypeVar("Record", bound=Struct)


def normalize(values: dict[str, Any]) -> dict[str, Any]:
    """Return a customer's values in the form in which they are stored."""
    normal = dict(values)
    for name in ("name", "company"):
        if isinstance(normal.get(name), str):
            normal[name] = " ".join(normal[name].split())
    if isinstance(normal.get("email"), str):
        normal["email"] = normal["email"].strip().lower()
    if isinstance(normal.get("phone"), str):
        # The "(0)" of "+44 (0)1234" is not dialled after a country code.
        digits = normal["phone"].replace("(0)", "")
        normal["phone"] = "+" + "".join(filter(str.isdecimal, digits))
    return normal


def to_utc(moment: datetime, pointer: str, where: str = "body") -> datetime:
    """Return a time in UTC. Raises Reject(422) if its year is not 1 to 9999 in UTC."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        fault = Fault(pointer, "must be between the years 1 and 9999 in UTC", where)
        raise Reject(422, "The time is out of range.", errors=[fault]) from None


class NewCustomer(Struct, kw_only=True, forbid_unknown_fields=True):
    """The values of a new customer."""

    name: Name
    company: Company = ""
    email: Email | None = None
    phone: Phone | None = None
    stage: Stage = "lead"


class Change(Struct, kw_only=True, forbid_unknown_fields=True):
    """The fields to change, and the `version` that they apply to. Null removes email or phone."""

    version: Annotated[int, Meta(ge=1)]
    name: Name | UnsetType = UNSET
    company: Company | UnsetType = UNSET
    email: Email | UnsetType | None = UNSET
    phone: Phone | UnsetType | None = UNSET
    stage: Stage | UnsetType = UNSET


class Customer(Struct, kw_only=True):
    """A customer. `version` counts its changes; notes and interactions do not change it."""

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
    def create(cls, new: NewCustomer) -> "Customer":
        """Return a customer with a new id."""
        now = datetime.now(UTC)
        values = normalize(structs.asdict(new))
        return cls(id=uuid4().hex, version=1, created=now, changed=now, **values)

    def apply(self, change: Change) -> "Customer":
        """Return the changed customer, at the next version."""
        values = structs.asdict(change)
        return self._next({name: value for name, value in values.items() if value is not UNSET})

    def merge_with(self, other: "Customer") -> tuple["Customer", str]:
        """Return the customer with gaps filled from `other`, and the values that differ."""
        values: dict[str, Any] = {"created": min(self.created, other.created)}
        differences = []
        for name in ("name", "company", "email", "phone", "stage"):
            own, others = getattr(self, name), getattr(other, name)
            if others and not own:
                values[name] = others
            elif others and others != own:
                differences.append(f"{name}: {others}")
        return self._next(values), "\n".join(differences)

    def _next(self, values: dict[str, Any]) -> "Customer":
        version = {"version": self.version + 1, "changed": datetime.now(UTC)}
        return structs.replace(self, **(normalize(values) | version))

    def to_row(self) -> dict[str, Any]:
        """Return the values of the customer's columns."""
        return {**structs.asdict(self), "name_key": name_key(self.name)}


class Note(Struct):
    """A note on a customer. `author` is the consumer that wrote it."""

    id: str
    text: str
    author: str
    created: datetime


class Interaction(Struct):
    """An interaction with a customer. `at` is when it happened."""

    id: str
    kind: Kind
    channel: Channel
    at: datetime
    summary: str
    author: str
    created: datetime


class Stay(Struct):
    """A booked stay of a customer, null if the guest is unknown. `total` is in cents.

    `consumer` made the booking, through `channel`.
    """

    booking: str
    customer: str | None
    status: Literal["booked", "cancelled"]
    room_type: str
    arrival: date
    nights: int
    total: int
    consumer: str
    channel: str


class Summary(Struct):
    """A day: new customers, and the stays that began. `total` is their price in cents."""

    day: date
    customers: int
    arrivals: int
    total: int


class CustomerMerged(Event):
    """A duplicate was merged into a customer; its id is no longer used."""

    customer: str
    duplicate: str


def from_row(kind: type[Record], row: Mapping[Any, Any]) -> Record:
    """Return the customer, note, interaction, stay or summary stored in a row."""
    return kind(**{name: row[name] for name in kind.__struct_fields__})


def name_key(name: str) -> str | None:
    """Return the words of a name in alphabetical order, None if it has no words."""
    return " ".join(sorted(split_words(name)))[:200] or None


metadata = sa.MetaData()

# Merging empties the row of the duplicate but keeps it. `merged_into` always refers to a customer
# that is not merged.
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
    sa.Column("created", sa.DateTime(timezone=True), nullable=False),
    sa.Column("changed", sa.DateTime(timezone=True), nullable=False),
    sa.Column("merged_into", sa.ForeignKey("customers.id")),
)
# A partial index: few customers are merged.
_merged = customers.c.merged_into.is_not(None)
sa.Index(
    "merged_customers", customers.c.merged_into, sqlite_where=_merged, postgresql_where=_merged
)
CUSTOMER_COLUMNS = [customers.c[name] for name in Customer.__struct_fields__]

notes = sa.Table(
    "notes",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("id", sa.String, nullable=False, unique=True),
    sa.Column("customer", sa.ForeignKey("customers.id"), nullable=False),
    sa.Column("text", sa.String, nullable=False),
    sa.Column("author", sa.String, nullable=False),
    sa.Column("created", sa.DateTime(timezone=True), nullable=False),
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
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("summary", sa.String, nullable=False),
    sa.Column("author", sa.String, nullable=False),
    sa.Column("created", sa.DateTime(timezone=True), nullable=False),
    sa.Index("interactions_of_customer", "customer", "at", "seq"),
)

# Copies of Booking's bookings. A stay keeps its place in the figures when its customer is erased.
stays = sa.Table(
    "stays",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("booking", sa.String, nullable=False, unique=True),
    sa.Column("customer", sa.ForeignKey("customers.id")),
    sa.Column("status", sa.String, nullable=False),
    sa.Column("room_type", sa.String, nullable=False),
    sa.Column("arrival", sa.Date, nullable=False),
    sa.Column("nights", sa.Integer, nullable=False),
    sa.Column("total", sa.Integer, nullable=False),
    sa.Column("consumer", sa.String, nullable=False),
    sa.Column("channel", sa.String, nullable=False),
    sa.Index("stays_of_customer", "customer", "arrival", "seq"),
)

summaries = sa.Table(
    "summaries",
    metadata,
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("customers", sa.Integer, nullable=False),
    sa.Column("arrivals", sa.Integer, nullable=False),
    sa.Column("total", sa.Integer, nullable=False),
)

# The searchable words of customers: one row per field, note and interaction. The migration creates
# a full-text index (SQLite FTS5, PostgreSQL tsvector) that the database keeps up to date.
texts = sa.Table(
    "texts",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("customer", sa.ForeignKey("customers.id"), nullable=False),
    sa.Column("part", sa.String, nullable=False),
    sa.Column("words", sa.String, nullable=False),
    sa.Index("texts_of_customer", "customer", "part"),
)
