"""A row becomes the booking that its client asks for."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from typing import Any

import pytest
from examples.replay.hotel import booking, cents, rows

NOBODY = "not_applicable"


def test_the_file_is_what_it_is_said_to_be() -> None:
    """Repeated rows, the stay without guests and the great agent are all there."""
    every = rows()
    assert len(every) == 15_402
    assert len(every) - len({tuple(row.items()) for row in every}) == 1_382
    bookings = [booking(row) for row in every]
    stays = [each.stay for each in bookings]
    assert sum(stay.adults + stay.children + stay.babies == 0 for stay in stays) == 1
    assert max(stay.arrival for stay in stays) == date(2017, 8, 31)
    assert Counter(stay.agent for stay in stays)["devin_rivera_borrego"] == 4_659
    assert len({each.consumer for each in bookings}) == 291


def test_the_house_has_a_room_for_every_booking_of_the_file_and_none_too_many() -> None:
    stays = [booking(row).stay for row in rows()]
    taken = Counter(
        (stay.room_type, stay.arrival + timedelta(night))
        for stay in stays
        for night in range(stay.nights)
    )
    fullest = {
        kind: max(count for (each, _), count in taken.items() if each == kind)
        for kind in "abcdefgh"
    }
    assert fullest == {"a": 128, "b": 1, "c": 14, "d": 61, "e": 37, "f": 11, "g": 9, "h": 3}


@pytest.mark.parametrize(
    ("agent", "company", "consumer"),
    [
        ("eva", "acme", "acme"),
        (NOBODY, "acme", "acme"),
        ("eva", NOBODY, "eva"),
        (NOBODY, NOBODY, "direct"),
        ("", "", "direct"),
    ],
)
def test_the_consumer_is_the_company_else_the_agent_else_direct(
    row: Any, agent: str, company: str, consumer: str
) -> None:
    assert booking(row(agent=agent, company=company)).consumer == consumer


def test_a_row_is_sent_with_the_reserved_room_all_nights_and_its_rate_in_cents(row: Any) -> None:
    stay = booking(row(agent="eva")).stay
    assert (stay.room_type, stay.arrival, stay.nights) == ("f", date(2016, 7, 31), 3)
    assert (stay.rate, stay.channel, stay.segment) == (252_17, "ta_to", "direct")
    assert (stay.agent, stay.company, stay.lead_time) == ("eva", "", 3)


@pytest.mark.parametrize(
    ("amount", "expected"), [("252.17", 252_17), ("48.0", 48_00), ("204.3", 204_30), ("0", 0)]
)
def test_an_amount_is_read_to_the_cent(amount: str, expected: int) -> None:
    assert cents(amount) == expected


def test_parts_of_a_cent_are_refused_not_rounded() -> None:
    with pytest.raises(ValueError, match=r"1\.005 is no whole number of cents"):
        cents("1.005")


def test_only_the_first_rows_are_read_when_so_many_are_asked_for() -> None:
    assert rows(only=3) == rows()[:3]
