"""Offer rooms to a guest of the public page."""

from datetime import date

from msgspec import Struct

from neurova import Tx, get

from .domain import PRICES, RoomType
from .guests import SLEEPS, Adults, Children, GuestNights, check_dates
from .stays import count_all_free_rooms

MAX_SHOWN = 5  # the occupancy of the hotel is not public


class Offer(Struct):
    """A room for the stay: `total` in cents, `free` rooms of the type, up to 5."""

    room_type: RoomType
    sleeps: int
    free: int
    rate: int
    total: int


class Offers(Struct):
    """The rooms that are free on every night of a stay and large enough, cheapest first."""

    arrival: date
    departure: date
    nights: int
    offers: list[Offer]


@get("/guest/offers", public=True, limit="60/minute")
async def list_offers(
    arrival: date, tx: Tx, nights: GuestNights = 1, adults: Adults = 2, children: Children = 0
) -> Offers:
    """Return the free rooms for a stay, with their prices."""
    departure = check_dates(arrival, nights, where="query")
    free = await count_all_free_rooms(tx, arrival, departure)
    offers = [
        Offer(type, SLEEPS[type], min(count, MAX_SHOWN), PRICES[type], PRICES[type] * nights)
        for type, count in free.items()
        if count > 0 and SLEEPS[type] >= adults + children
    ]
    offers.sort(key=lambda offer: offer.total)
    return Offers(arrival, departure, nights, offers)
