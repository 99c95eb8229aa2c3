"""What Booking promises, asked of its handlers on a real database."""

from __future__ import annotations

import asyncio
import random
from datetime import date, timedelta
from typing import Any

import pytest
from functions.booking.availability import availability
from functions.booking.cancel import cancel_booking
from functions.booking.change import change_booking
from functions.booking.domain import PRICES, Booking, Change
from functions.booking.get import get_booking
from functions.booking.list import list_bookings
from functions.booking.quote import Stay, quote
from functions.booking.rooms import list_rooms
from tests.functions.booking.guests import ADA, BOB, DAY, OPERATOR, book, refused

from neurova import Caller, Reject


def test_the_house_has_its_rooms(house: Any) -> None:
    async def run() -> None:
        found = {rooms.type: rooms for rooms in await house.call(list_rooms)}
        assert len(found) == 8
        assert (found["a"].count, found["b"].count) == (128, 1)
        assert {name: rooms.rate for name, rooms in found.items()} == PRICES

    house.run(run)


def test_a_quote_is_rate_times_nights_and_needs_no_database() -> None:
    found = asyncio.run(quote(Stay("c", DAY, 3)))
    assert (found.rate, found.total, found.departure) == (175_00, 525_00, DAY + timedelta(3))


def test_a_booking_is_read_back_as_it_was_made(house: Any) -> None:
    async def run() -> None:
        made = await book(
            house, nights=3, adults=0, children=2, meal="no_meal_package", country="prt",
            segment="groups", channel="ta_to", agent="x", company="y", lead_time=12,
        )  # fmt: skip
        read = await house.call(get_booking, id=made.id, caller=ADA)
        assert read == made
        assert (read.departure, read.total, read.status) == (date(2016, 7, 5), 330_00, "booked")
        assert (read.adults, read.children, read.lead_time) == (0, 2, 12)

    house.run(run)


def test_of_200_bookings_of_the_last_room_one_is_made(house: Any) -> None:
    async def run() -> None:
        calls = (book(house, Caller(consumer=str(n))) for n in range(200))
        results = await asyncio.gather(*calls, return_exceptions=True)
        refusals = [result.status for result in results if isinstance(result, Reject)]
        assert refusals == [409] * 199

    house.run(run)


def test_stays_that_follow_one_another_share_a_room_and_the_fullest_night_counts(
    house: Any,
) -> None:
    """Ten one-night stays side by side leave the one room free before and after, not between."""

    async def run() -> None:
        for day in range(10):
            await book(house, arrival=DAY + timedelta(day))
        await refused(book(house, arrival=DAY - timedelta(3), nights=20), 409)
        await refused(book(house, arrival=DAY + timedelta(9)), 409)
        await book(house, arrival=DAY - timedelta(3), nights=3)
        await book(house, arrival=DAY + timedelta(10), nights=365)

    house.run(run)


@pytest.mark.parametrize(
    ("arrival", "nights", "free"), [(0, 1, 2), (0, 3, 1), (2, 1, 1), (9, 5, 3)]
)
def test_availability_is_that_of_the_fullest_night(
    house: Any, arrival: int, nights: int, free: int
) -> None:
    async def run() -> None:
        await book(house, room_type="h", nights=3)
        await book(house, room_type="h", arrival=DAY + timedelta(2))
        await book(house, room_type="g", nights=9)
        found = await house.call(
            availability, room_type="h", arrival=DAY + timedelta(arrival), nights=nights
        )
        assert found.free == free

    house.run(run)


def test_a_consumer_sees_changes_and_cancels_only_its_own(house: Any) -> None:
    async def run() -> None:
        made = await book(house)
        await refused(house.call(get_booking, id=made.id, caller=BOB), 404)
        await refused(house.call(cancel_booking, id=made.id, caller=BOB), 404)
        await refused(house.call(change_booking, id=made.id, change=Change(), caller=BOB), 404)
        assert (await house.call(list_bookings, caller=BOB)).bookings == []
        assert (await house.call(get_booking, id=made.id, caller=ADA)) == made

    house.run(run)


def test_ones_own_rate_needs_the_scope_and_counts_to_the_cent(house: Any) -> None:
    async def run() -> None:
        await refused(book(house, rate=252_17), 403)
        made = await book(house, OPERATOR, rate=252_17, nights=3)
        assert (made.rate, made.total) == (252_17, 756_51)
        change = Change(rate=1)
        await refused(house.call(change_booking, id=made.id, change=change, caller=ADA), 403)
        changed = await house.call(change_booking, id=made.id, change=change, caller=OPERATOR)
        assert changed.total == 3

    house.run(run)


def test_a_change_moves_the_nights_and_a_refused_one_changes_nothing(house: Any) -> None:
    async def run() -> None:
        made = await book(house, nights=2)
        other = await book(house, arrival=DAY + timedelta(5))
        longer = Change(nights=6)
        await refused(house.call(change_booking, id=made.id, change=longer, caller=ADA), 409)
        assert await house.call(get_booking, id=made.id, caller=ADA) == made
        await refused(book(house), 409)
        moved = Change(arrival=DAY + timedelta(1), nights=4, adults=1)
        changed = await house.call(change_booking, id=made.id, change=moved, caller=ADA)
        assert (changed.nights, changed.adults, changed.total) == (4, 1, 440_00)
        assert await house.call(get_booking, id=made.id, caller=ADA) == changed
        await book(house)
        assert await house.call(get_booking, id=other.id, caller=ADA) == other

    house.run(run)


def test_another_room_type_costs_what_it_costs_unless_a_rate_is_given(house: Any) -> None:
    async def run() -> None:
        made = await book(house)
        dearer = Change(room_type="c")
        changed = await house.call(change_booking, id=made.id, change=dearer, caller=ADA)
        assert changed.rate == PRICES["c"]
        await book(house)

    house.run(run)


def test_a_cancelled_booking_frees_its_nights_once_and_stays_in_the_list(house: Any) -> None:
    async def run() -> None:
        made = await book(house, nights=2)
        assert (await house.call(cancel_booking, id=made.id, caller=ADA)).status == "cancelled"
        again = await book(house, nights=2)
        assert (await house.call(cancel_booking, id=made.id, caller=ADA)).status == "cancelled"
        await refused(book(house, nights=2), 409)
        await refused(house.call(change_booking, id=made.id, change=Change(), caller=ADA), 409)
        page = await house.call(list_bookings, caller=ADA)
        assert [(b.id, b.status) for b in page.bookings] == [
            (made.id, "cancelled"),
            (again.id, "booked"),
        ]

    house.run(run)


def test_pages_give_every_booking_once_in_order(house: Any) -> None:
    async def run() -> None:
        made = [(await book(house, room_type="a", nights=n + 1)).id for n in range(7)]
        await book(house, BOB, room_type="a")
        seen, after, pages = [], "", 0
        while after is not None:
            page = await house.call(list_bookings, caller=ADA, limit=3, after=after)
            seen += [booking.id for booking in page.bookings]
            after, pages = page.next, pages + 1
        assert seen == made
        assert pages == 3
        whole = await house.call(list_bookings, caller=ADA, limit=7)
        assert whole.next is None
        fault = await refused(house.call(list_bookings, caller=BOB, after=made[0]), 422)
        assert fault.errors[0].pointer == "/after"

    house.run(run)


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
def test_a_filter_keeps_what_it_names(house: Any, filters: Any, expected: list[int]) -> None:
    async def run() -> None:
        made = [
            await book(house, room_type="a", channel="ta_to"),
            await book(house, room_type="d", arrival=date(2016, 8, 1)),
            await book(house, room_type="a", arrival=date(2016, 9, 1), channel="ta_to"),
        ]
        await house.call(cancel_booking, id=made[2].id, caller=ADA)
        page = await house.call(list_bookings, caller=ADA, **filters)
        assert [booking.id for booking in page.bookings] == [made[n].id for n in expected]

    house.run(run)


def test_a_stay_past_the_last_day_of_the_calendar_is_named(house: Any) -> None:
    async def run() -> None:
        last = {"arrival": date(9999, 12, 31)}
        assert (await refused(book(house, **last), 422)).errors[0].pointer == "/arrival"
        await refused(quote(Stay("a", **last)), 422)
        asked = house.call(availability, room_type="a", nights=1, **last)
        assert (await refused(asked, 422)).errors[0].where == "query"

    house.run(run)


@pytest.mark.parametrize("seed", range(5))
def test_whatever_is_made_changed_and_cancelled_no_night_is_oversold_nor_a_room_kept_back(
    house: Any, seed: int
) -> None:
    """Random calls are answered as by a house that counts every night by hand."""
    chance = random.Random(seed)

    def some_stay() -> dict[str, Any]:
        return {"arrival": DAY + timedelta(chance.randrange(12)), "nights": chance.randint(1, 6)}

    def fits(held: dict[str, Booking], stay: dict[str, Any]) -> bool:
        nights = [stay["arrival"] + timedelta(n) for n in range(stay["nights"])]
        return all(
            sum(b.arrival <= night < b.departure for b in held.values()) < 3 for night in nights
        )

    async def run() -> None:
        held: dict[str, Booking] = {}
        for _ in range(150):
            stay, action = some_stay(), chance.choice(["make", "make", "change", "cancel"])
            id = chance.choice(list(held) or [""])
            if action == "make":
                booking = book(house, room_type="h", **stay)
                if fits(held, stay):
                    made = await booking
                    held[made.id] = made
                else:
                    await refused(booking, 409)
            elif id and action == "change":
                changing = house.call(change_booking, id=id, change=Change(**stay), caller=ADA)
                if fits({key: b for key, b in held.items() if key != id}, stay):
                    held[id] = await changing
                else:
                    await refused(changing, 409)
            elif id:
                await house.call(cancel_booking, id=id, caller=ADA)
                del held[id]

    house.run(run)
