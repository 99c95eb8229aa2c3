"""Keep the stays of guests, as Booking announces them."""

from datetime import date

from sqlalchemy import bindparam, select

from neurova import Event, Tx, on

from .customers import insert_customer, store_customer
from .domain import CUSTOMER_COLUMNS, Change, Customer, NewCustomer, customers, from_row, stays


class BookingCreated(Event, source="booking"):
    """A room was booked; the guest's fields are empty if the guest is unknown."""

    booking: str
    consumer: str
    channel: str
    room_type: str
    arrival: date
    nights: int
    total: int
    guest_name: str = ""
    guest_email: str = ""


class BookingChanged(Event, source="booking"):
    """A booking has a new stay, or another price."""

    booking: str
    room_type: str
    arrival: date
    nights: int
    total: int


class BookingCancelled(Event, source="booking"):
    """A booking was cancelled."""

    booking: str


_insert = stays.insert()
_update = stays.update().where(stays.c.booking == bindparam("id"))
_select_by_email = (
    select(*CUSTOMER_COLUMNS)
    .where(customers.c.email == bindparam("email"))
    .order_by(customers.c.seq)
    .limit(1)
)


@on(BookingCreated, BookingChanged, BookingCancelled, ordered="booking")
async def keep_stays(event: BookingCreated | BookingChanged | BookingCancelled, tx: Tx) -> None:
    """Store the stay of a booking. Changes of bookings made before CRM listened are ignored."""
    stay = {name: getattr(event, name) for name in event.__struct_fields__ if name in stays.c}
    if isinstance(event, BookingCreated):
        customer = await find_guest(tx, event) if event.guest_email else None
        await tx.execute(_insert, {**stay, "status": "booked", "customer": customer})
        return
    if isinstance(event, BookingCancelled):
        stay["status"] = "cancelled"
    del stay["booking"]
    await tx.execute(_update, {"id": event.booking, **stay})


async def find_guest(tx: Tx, event: BookingCreated) -> str:
    """Return the id of the customer with the guest's email: a new one if there is none.

    A lead that books becomes a customer.
    """
    new = NewCustomer(name=event.guest_name, email=event.guest_email, stage="customer")
    guest = Customer.create(new)
    row = (await tx.execute(_select_by_email, {"email": guest.email})).mappings().first()
    if row is None:
        await insert_customer(tx, guest)
        return guest.id
    found = from_row(Customer, row)
    if found.stage == "lead":
        await store_customer(tx, found.apply(Change(version=found.version, stage="customer")))
    return found.id
