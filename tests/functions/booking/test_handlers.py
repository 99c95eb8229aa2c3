"""Booking's handlers on a real database."""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Any

import pytest
from functions.booking.availability import availability
from functions.booking.cancel import cancel_booking
from functions.booking.change import change_booking
from functions.booking.domain import (
    PRICES,
    Booking,
    BookingCancelled,
    BookingChanged,
    BookingCreated,
    Change,
    Guest,
)
from functions.booking.get import get_booking
from functions.booking.list import list_bookings
from functions.booking.quote import Stay, quote
from functions.booking.rooms import list_rooms
from tests.functions.booking.conftest import ADA, BOB, DAY, OPERATOR, Handlers, rejected


def after(days: int) -> date:
    return DAY + timedelta(days)


async def test_rooms_have_their_counts_and_prices(handlers: Handlers) -> None:
    rooms = {each.type: each for each in await handlers.call(list_rooms)}
    assert (rooms["a"].count, rooms["b"].count) == (128, 1)
    assert {name: each.rate for name, each in rooms.items()} == PRICES


async def test_booking_is_read_back_as_created(handlers: Handlers) -> None:
    created = await handlers.book(
        nights=3, adults=0, children=2, meal="no_meal_package", country="prt",
        segment="groups", channel="ta_to", agent="x", company="y", lead_time=12,
    )  # fmt: skip
    read = await handlers.call(get_booking, id=created.id, caller=ADA)
    assert read == created
    assert (read.departure, read.total, read.status) == (date(2016, 7, 5), 330_00, "booked")
    assert (read.adults, read.children, read.lead_time) == (0, 2, 12)


@pytest.mark.parametrize(
    ("arrival", "nights", "free"), [(0, 1, 2), (0, 3, 1), (2, 1, 1), (9, 5, 3)]
)
async def test_availability_is_that_of_the_fullest_night(
    handlers: Handlers, arrival: int, nights: int, free: int
) -> None:
    await handlers.book(room_type="h", nights=3)
    await handlers.book(room_type="h", arrival=after(2))
    await handlers.book(room_type="g", nights=9)
    found = await handlers.call(availability, room_type="h", arrival=after(arrival), nights=nights)
    assert found.free == free


async def test_own_rate_needs_its_scope(handlers: Handlers) -> None:
    await rejected(handlers.book(rate=252_17), 403)
    created = await handlers.book(OPERATOR, rate=252_17, nights=3)
    assert (created.rate, created.total) == (252_17, 756_51)
    change = {"id": created.id, "change": Change(rate=1)}
    await rejected(handlers.call(change_booking, **change, caller=ADA), 403)
    assert (await handlers.call(change_booking, **change, caller=OPERATOR)).total == 3


async def test_change_moves_the_nights(handlers: Handlers) -> None:
    created = await handlers.book(nights=2)
    other = await handlers.book(arrival=after(5))
    change = Change(arrival=after(1), nights=4, adults=1)
    changed = await handlers.call(change_booking, id=created.id, change=change, caller=ADA)
    assert (changed.nights, changed.adults, changed.total) == (4, 1, 440_00)
    assert await handlers.call(get_booking, id=created.id, caller=ADA) == changed
    await handlers.book()
    assert await handlers.call(get_booking, id=other.id, caller=ADA) == other
    change = Change(room_type="c")  # this type has its own price
    changed = await handlers.call(change_booking, id=created.id, change=change, caller=ADA)
    assert changed.rate == PRICES["c"]


async def test_rejected_change_leaves_the_booking(handlers: Handlers) -> None:
    created = await handlers.book(nights=2)
    await handlers.book(arrival=after(5))
    change = Change(nights=6)
    await rejected(handlers.call(change_booking, id=created.id, change=change, caller=ADA), 409)
    assert await handlers.call(get_booking, id=created.id, caller=ADA) == created
    await rejected(handlers.book(), 409)


async def test_cancelled_booking_frees_its_nights_once(handlers: Handlers) -> None:
    first = await handlers.book(nights=2)
    assert (await handlers.call(cancel_booking, id=first.id, caller=ADA)).status == "cancelled"
    second = await handlers.book(nights=2)
    assert (await handlers.call(cancel_booking, id=first.id, caller=ADA)).status == "cancelled"
    await rejected(handlers.book(nights=2), 409)
    await rejected(handlers.call(change_booking, id=first.id, change=Change(), caller=ADA), 409)
    page = await handlers.call(list_bookings, caller=ADA)
    assert [(each.id, each.status) for each in page.bookings] == [
        (first.id, "cancelled"),
        (second.id, "booked"),
    ]


async def test_each_change_is_published_once(handlers: Handlers) -> None:
    guest = Guest("Ada", "ada@example.org")
    id = (await handlers.book(nights=2, guest=guest)).id
    await rejected(handlers.book(), 409)
    for change in (Change(), Change(nights=3), Change(adults=1)):
        await handlers.call(change_booking, id=id, change=change, caller=ADA)
    for _ in range(2):
        await handlers.call(cancel_booking, id=id, caller=ADA)
    nights = [DAY, 2, 220_00], [DAY, 3, 330_00]
    assert await handlers.published() == [
        BookingCreated(id, "ada", "direct", "b", *nights[0], "Ada", "ada@example.org"),
        BookingChanged(id, "b", *nights[1]),
        BookingChanged(id, "b", *nights[1]),
        BookingCancelled(id),
    ]


async def test_pages_have_every_booking_once_in_order(handlers: Handlers) -> None:
    created = [(await handlers.book(room_type="a", nights=n + 1)).id for n in range(7)]
    await handlers.book(BOB, room_type="a")
    pages, next_page = [], ""
    while next_page is not None:
        page = await handlers.call(list_bookings, caller=ADA, limit=3, after=next_page)
        pages.append([booking.id for booking in page.bookings])
        next_page = page.next
    assert pages == [created[:3], created[3:6], created[6:]]
    assert (await handlers.call(list_bookings, caller=ADA, limit=7)).next is None
    reject = await rejected(handlers.call(list_bookings, caller=BOB, after=created[0]), 422)
    assert reject.errors[0].pointer == "/after"


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"arrival_from": date(2016, 8, 1)}, [1, 2]),
        ({"arrival_before": date(2016, 8, 1)}, [0]),
        ({"arrival_from": date(2016, 7, 2), "arrival_before": date(2016, 8, 2)}, [0, 1]),
        ({"room_type": "d"}, [1]),
        ({"channel": "ta_to"}, [0, 2]),
        ({"status": "cancelled"}, [2]),
        ({"status": "booked", "channel": "ta_to"}, [0]),
    ],
)
async def test_list_is_filtered(handlers: Handlers, filters: Any, expected: list[int]) -> None:
    created = [
        await handlers.book(room_type="a", channel="ta_to"),
        await handlers.book(room_type="d", arrival=date(2016, 8, 1)),
        await handlers.book(room_type="a", arrival=date(2016, 9, 1), channel="ta_to"),
    ]
    await handlers.call(cancel_booking, id=created[2].id, caller=ADA)
    page = await handlers.call(list_bookings, caller=ADA, **filters)
    assert [booking.id for booking in page.bookings] == [created[n].id for n in expected]


async def test_stay_past_the_end_of_the_calendar_is_rejected(handlers: Handlers) -> None:
    last = {"arrival": date(9999, 12, 31)}
    assert (await rejected(handlers.book(**last), 422)).errors[0].pointer == "/arrival"
    await rejected(quote(Stay("a", **last)), 422)
    call = handlers.call(availability, room_type="a", nights=1, **last)
    assert (await rejected(call, 422)).errors[0].where == "query"


@pytest.mark.parametrize("seed", range(5))
async def test_random_calls_neither_oversell_nor_hold_back_rooms(
    handlers: Handlers, seed: int
) -> None:
    """The test's own model counts the three rooms of type h for every night."""
    chance = random.Random(seed)
    booked: dict[str, Booking] = {}

    def is_free(stay: dict[str, Any], changed: str = "") -> bool:
        others = [each for id, each in booked.items() if id != changed]
        nights = [stay["arrival"] + timedelta(n) for n in range(stay["nights"])]
        return all(
            sum(each.arrival <= night < each.departure for each in others) < 3 for night in nights
        )

    for _ in range(150):
        stay = {"arrival": after(chance.randrange(12)), "nights": chance.randint(1, 6)}
        action = chance.choice(["create", "create", "change", "cancel"])
        id = chance.choice(list(booked) or [""])
        if action != "create" and not id:
            continue
        if action == "cancel":
            await handlers.call(cancel_booking, id=id, caller=ADA)
            del booked[id]
            continue
        if action == "create":
            call, free = handlers.book(room_type="h", **stay), is_free(stay)
        else:
            change = Change(**stay)
            call = handlers.call(change_booking, id=id, change=change, caller=ADA)
            free = is_free(stay, changed=id)
        if free:
            booking = await call
            booked[booking.id] = booking
        else:
            await rejected(call, 409)
