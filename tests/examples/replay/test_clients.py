"""What was not answered is sent again only where it is not there."""

from __future__ import annotations

from typing import Any

import msgspec
from examples.replay.booking import Found
from examples.replay.clients import missing
from examples.replay.hotel import booking
from examples.replay.wire import request


def found(row: Any) -> Found:
    return Found(**msgspec.structs.asdict(booking(row).stay), total=1)


def test_equal_bookings_are_missing_as_often_as_they_are_not_there(row: Any) -> None:
    asked = [booking(row())] * 5 + [booking(row(country="prt"))]
    seen = {"direct": [found(row())] * 3}
    assert sorted(each.stay.country for each in missing(asked, seen)) == ["esp", "esp", "prt"]
    seen["direct"] += [found(row()), found(row()), found(row(country="prt"))]
    assert missing(asked, seen) == []


def test_another_consumers_equal_booking_is_not_ones_own(row: Any) -> None:
    asked = [booking(row(agent="eva"))]
    assert missing(asked, {"direct": [found(row(agent="eva"))], "eva": []}) == asked


def test_a_call_has_one_host_its_key_and_the_length_of_its_body() -> None:
    assert request("GET", "/bookings", "k") == (
        b"GET /bookings HTTP/1.1\r\nhost: 127.0.0.1\r\nx-api-key: k\r\n\r\n"
    )
    head, _, body = request("POST", "/bookings", "k", b'{"a":1}').partition(b"\r\n\r\n")
    assert body == b'{"a":1}'
    assert b"\r\ncontent-length: 7" in head
