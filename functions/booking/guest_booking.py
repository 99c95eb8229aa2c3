"""Show a guest of the public page the own booking."""

from typing import Annotated

from neurova import Caller, Header, Tx, get

from .guests import GuestBooking, Number
from .stays import get_own_booking


@get("/guest/booking", public=True, limit="20/minute, 200/day")
async def get_guest_booking(
    number: Annotated[Number, Header("booking-number")], caller: Caller, tx: Tx
) -> GuestBooking:
    """Return a booking by its number, which is in a header because URLs are logged and kept."""
    return GuestBooking.of(await get_own_booking(tx, number, caller))
