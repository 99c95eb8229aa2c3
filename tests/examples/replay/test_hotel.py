"""A row of the file becomes the booking request of its consumer."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from typing import Any

import pytest
from examples.replay.hotel import booking, cents, rows

NONE = "not_applicable"


def test_file_has_the_documented_content() -> None:
    """The file has repeated rows, a stay without guests and one very large agent."""
    every = rows()
    assert len(every) == 15_402
    assert len(every) - len({tuple(row.items()) for row in every}) == 1_382
    bookings = [booking(row) for row in every]
    stays = [each.stay for each in bookings]
    assert sum(stay.adults + stay.children + stay.babies == 0 for stay in stays) == 1
    assert max(stay.arrival for stay in stays) == date(2017, 8, 31)
    assert Counter(stay.agent for stay in stays)["devin_rivera_borrego"] == 4_659
    assert len({each.consumer for each in bookings}) == 291


def test_hotel_has_exactly_the_rooms_of_the_file() -> None:
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
        (NONE, "acme", "acme"),
        ("eva", NONE, "eva"),
        (NONE, NONE, "direct"),
        ("", "", "direct"),
    ],
)
def test_consumer_is_company_then_agent_then_direct(
    row: Any, agent: str, company: str, consumer: str
) -> None:
    assert booking(row(agent=agent, company=company)).consumer == consumer


def test_fraction_of_a_cent_is_refused() -> None:
    with pytest.raises(ValueError, match=r"1\.005 is not a whole number of cents"):
        cents("1.005")
    assert (cents("252.17"), cents("48.0"), cents("0")) == (252_17, 48_00, 0)
