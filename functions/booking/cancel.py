"""Cancel a booking."""

from msgspec import structs
from sqlalchemy import bindparam

from neurova import Caller, Tx, delete

from .domain import Booking, bookings
from .stays import owned, release

_cancel = bookings.update().where(bookings.c.id == bindparam("booking")).values(status="cancelled")


@delete("/bookings/{id}", scopes=["booking:write"])
async def cancel_booking(id: str, caller: Caller, tx: Tx) -> Booking:
    """Cancel a booking and free its nights; it stays in the list, and to cancel twice is once."""
    booking = await owned(tx, id, caller.consumer)
    await release(tx, booking)
    await tx.execute(_cancel, {"booking": id})
    return structs.replace(booking, status="cancelled")
