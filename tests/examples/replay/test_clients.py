"""Find the bookings that a lost connection may have left out."""

from __future__ import annotations

from typing import Any

import msgspec
from examples.replay.booking import StoredBooking
from examples.replay.clients import find_missing
from examples.replay.hotel import booking


def store(row: Any) -> StoredBooking:
    return StoredBooking(**msgspec.structs.asdict(booking(row).stay), total=1)


def test_equal_bookings_are_counted(row: Any) -> None:
    requested = [booking(row())] * 5 + [booking(row(country="prt"))]
    stored = {"direct": [store(row())] * 3}
    assert sorted(each.stay.country for each in find_missing(requested, stored)) == [
        "esp",
        "esp",
        "prt",
    ]
    stored["direct"] += [store(row()), store(row()), store(row(country="prt"))]
    assert find_missing(requested, stored) == []


def test_equal_booking_of_another_consumer_does_not_count(row: Any) -> None:
    requested = [booking(row(agent="eva"))]
    assert find_missing(requested, {"direct": [store(row(agent="eva"))], "eva": []}) == requested
