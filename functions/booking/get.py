"""Read a booking."""

from neurova import Caller, Tx, get

from .domain import Booking
from .stays import get_own_booking


@get("/bookings/{id}", scopes=["booking:read"])
async def get_booking(id: str, caller: Caller, tx: Tx) -> Booking:
    """Return one of the caller's bookings."""
    return await get_own_booking(tx, id, caller)
