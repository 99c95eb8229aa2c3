"""When a room is free, and whose a booking is."""

from datetime import date

from sqlalchemy import bindparam, desc, func, select

from neurova import Reject, Tx

from .domain import STORED, Booking, RoomType, bookings, rooms, taken

# Built once, here, a statement costs a quarter of one that is built at every call.
_fullest_night = (
    select(func.count().label("rooms"))
    .where(
        taken.c.room_type == bindparam("type"),
        taken.c.night >= bindparam("arrival"),
        taken.c.night < bindparam("departure"),
    )
    .group_by(taken.c.night)
    .order_by(desc("rooms"))
    .limit(1)
    .scalar_subquery()
)
_free = select(rooms.c.count - func.coalesce(_fullest_night, 0)).where(
    rooms.c.type == bindparam("type")
)
_owned = select(*STORED).where(
    bookings.c.id == bindparam("id"), bookings.c.consumer == bindparam("consumer")
)
_take = taken.insert()
_release = taken.delete().where(
    taken.c.room_type == bindparam("type"),
    taken.c.night >= bindparam("arrival"),
    taken.c.night < bindparam("departure"),
    taken.c.booking == bindparam("id"),
)


async def free(tx: Tx, room_type: RoomType, arrival: date, departure: date) -> int:
    """Return how many rooms of a type are free on every night of a stay."""
    stay = {"type": room_type, "arrival": arrival, "departure": departure}
    return int((await tx.execute(_free, stay)).scalar_one())


async def take(tx: Tx, booking: Booking) -> None:
    """Take a room for each night of a stored booking."""
    nights = [
        {"room_type": booking.room_type, "night": night, "booking": booking.id}
        for night in booking.nights_taken()
    ]
    await tx.execute(_take, nights)


async def release(tx: Tx, booking: Booking) -> None:
    """Give back the nights that a booking has taken."""
    stay = {"arrival": booking.arrival, "departure": booking.departure}
    await tx.execute(_release, {"type": booking.room_type, "id": booking.id, **stay})


async def owned(tx: Tx, id: str, consumer: str) -> Booking:
    """Return a consumer's booking; to everybody else it is not there."""
    row = (await tx.execute(_owned, {"id": id, "consumer": consumer})).mappings().first()
    if row is None:
        raise Reject(404, f"You have no booking {id!r}")
    return Booking.read(row)


def sold_out(booking: Booking) -> Reject:
    """Return the refusal of a stay that no room is free for."""
    return Reject(
        409,
        f"No room of type {booking.room_type} is free for all nights from {booking.arrival} to "
        f"{booking.departure}: ask GET /availability for another stay",
    )
