"""Who calls Booking's handlers, and for which stays."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from functions.booking.create import create_booking
from functions.booking.domain import Booking, NewBooking

from neurova import Caller, Reject

ADA = Caller(consumer="ada", scopes=frozenset({"booking:read", "booking:write"}))
BOB = Caller(consumer="bob", scopes=frozenset({"booking:read", "booking:write"}))
OPERATOR = Caller(consumer="op", scopes=frozenset({"booking:write", "booking:rate"}))
DAY = date(2016, 7, 2)


def stay(arrival: date = DAY, nights: int = 1, room_type: Any = "b", **more: Any) -> NewBooking:
    return NewBooking(room_type=room_type, arrival=arrival, nights=nights, **more)


async def book(house: Any, caller: Caller = ADA, **asked: Any) -> Booking:
    made: Booking = await house.call(create_booking, new=stay(**asked), caller=caller)
    return made


async def refused(awaited: Any, status: int) -> Reject:
    with pytest.raises(Reject) as caught:
        await awaited
    assert caught.value.status == status
    return caught.value
