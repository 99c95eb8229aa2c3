"""Queries that several functions share: free rooms, taken nights, own bookings."""

from datetime import date

from sqlalchemy import bindparam, desc, func, select

from neurova import Caller, Reject, Tx

from .domain import BOOKING_COLUMNS, Booking, RoomType, bookings, rooms, taken

# Building each statement once makes a call about four times as fast as building it per call.
_fullest_night = (
    select(func.count().label("rooms"))
    .where(
        taken.c.room_type == rooms.c.type,
        taken.c.night >= bindparam("arrival"),
        taken.c.night < bindparam("departure"),
    )
    .group_by(taken.c.night)
    .order_by(desc("rooms"))
    .limit(1)
    .correlate(rooms)
    .scalar_subquery()
)
_free = (rooms.c.count - func.coalesce(_fullest_night, 0)).label("free")
_count_free = select(_free).where(rooms.c.type == bindparam("type"))
_count_all_free = select(rooms.c.type, _free)
_select_own = select(*BOOKING_COLUMNS).where(
    bookings.c.id == bindparam("id"), bookings.c.consumer == bindparam("consumer")
)
_take = taken.insert()
_release = taken.delete().where(
    taken.c.room_type == bindparam("type"),
    taken.c.night >= bindparam("arrival"),
    taken.c.night < bindparam("departure"),
    taken.c.booking == bindparam("id"),
)


async def count_free_rooms(tx: Tx, room_type: RoomType, arrival: date, departure: date) -> int:
    """Return how many rooms of a type are free on every night of a stay."""
    stay = {"type": room_type, "arrival": arrival, "departure": departure}
    return int((await tx.execute(_count_free, stay)).scalar_one())


async def count_all_free_rooms(tx: Tx, arrival: date, departure: date) -> dict[RoomType, int]:
    """Return how many rooms of each type are free on every night of a stay."""
    stay = {"arrival": arrival, "departure": departure}
    rows = (await tx.execute(_count_all_free, stay)).mappings()
    return {row["type"]: int(row["free"]) for row in rows}


async def check_free(tx: Tx, booking: Booking) -> None:
    """Raise Reject(409) unless a room is free on every night of a booking."""
    stay = (booking.room_type, booking.arrival, booking.departure)
    if await count_free_rooms(tx, *stay) < 1:
        raise Reject(
            409,
            f"No room of type {booking.room_type} is free on every night from {booking.arrival} to "
            f"{booking.departure}, see GET /availability.",
        )


async def take_nights(tx: Tx, booking: Booking) -> None:
    """Take a room for each night of a stored booking."""
    nights = [
        {"room_type": booking.room_type, "night": night, "booking": booking.id}
        for night in booking.list_nights()
    ]
    await tx.execute(_take, nights)


async def release_nights(tx: Tx, booking: Booking) -> None:
    """Free the nights of a booking."""
    stay = {"arrival": booking.arrival, "departure": booking.departure}
    await tx.execute(_release, {"type": booking.room_type, "id": booking.id, **stay})


async def find_own_booking(tx: Tx, id: str, caller: Caller) -> Booking | None:
    """Return one of the caller's bookings, None also for another consumer's."""
    own = {"id": id, "consumer": caller.consumer}
    row = (await tx.execute(_select_own, own)).mappings().first()
    return None if row is None else Booking.from_row(row)


async def get_own_booking(tx: Tx, id: str, caller: Caller) -> Booking:
    """Return one of the caller's bookings. Raises Reject(404) also for another consumer's."""
    booking = await find_own_booking(tx, id, caller)
    if booking is None:
        raise Reject(404, f"You have no booking {id!r}.")
    return booking


def check_rate_scope(caller: Caller) -> None:
    """Raise Reject(403) unless the caller may set the rate of a booking."""
    if not caller.may("booking:rate"):
        raise Reject(403, "Setting `rate` needs a key with the scope booking:rate.")
