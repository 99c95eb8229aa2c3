"""Sums of figures are exact, and a difference of one cent is found."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import pytest
from examples.replay.__main__ import print_outcome
from examples.replay.booking import CrmStay, StoredBooking
from examples.replay.clients import find_missing
from examples.replay.figures import (
    Report,
    entry_of_row,
    entry_of_stay,
    entry_of_stored,
    find_differences,
)
from examples.replay.hotel import booking
from examples.replay.replay import Outcome


def store(row: Any, **changes: Any) -> StoredBooking:
    """Return the API's representation of a row's booking, with given fields changed."""
    stay = booking(row).stay
    fields = {**msgspec.structs.asdict(stay), "total": stay.rate * stay.nights, **changes}
    return StoredBooking(**fields)


def test_correct_api_has_no_differences(row: Any) -> None:
    rows = [row(), row(avg_price_per_room="48.0"), row(distribution_channel="corporate")]
    file = Report.of(map(entry_of_row, rows))
    assert find_differences(file, Report.of(entry_of_stored(store(each)) for each in rows)) == []


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        ({"rate": 252_18}, ["channel ta_to", "month 2016-07", "total"]),
        ({"total": 756_52}, ["channel ta_to", "month 2016-07", "total"]),
        ({"nights": 4}, ["channel ta_to", "month 2016-07", "total"]),
        ({"arrival": date(2016, 8, 1)}, ["month 2016-07", "month 2016-08"]),
        ({"channel": "direct"}, ["channel direct", "channel ta_to"]),
    ],
)
def test_each_difference_is_named_and_exits_with_1(
    row: Any, changes: Any, lines: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    file, stored = (
        Report.of([entry_of_row(row())]),
        Report.of([entry_of_stored(store(row(), **changes))]),
    )
    assert [line.partition(":")[0] for line in find_differences(file, stored)] == lines
    assert print_outcome(Outcome(file, stored, file, 1.0), 1) == 1
    assert "NOT EQUAL" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("stays", "code"),
    [
        ([CrmStay("booked", date(2016, 7, 31), 3, "ta_to", 756_51)], 0),
        ([CrmStay("cancelled", date(2016, 7, 31), 3, "ta_to", 756_51)], 1),
        ([CrmStay("booked", date(2016, 7, 31), 3, "ta_to", 756_52)], 1),
        ([], 1),
    ],
)
def test_stays_of_crm_that_differ_exit_with_1(
    row: Any, stays: list[CrmStay], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    file = Report.of([entry_of_row(row())])
    outcome = Outcome(file, file, Report.of(map(entry_of_stay, stays)), 1.0)
    assert print_outcome(outcome, 1) == code
    assert ("CRM has" in capsys.readouterr().out) == bool(code)


def test_missing_or_duplicate_booking_is_found(row: Any) -> None:
    file = Report.of([entry_of_row(row())])
    assert len(find_differences(file, Report.of([]))) == 3
    assert len(find_differences(file, Report.of([entry_of_stored(store(row()))] * 2))) == 3
    assert print_outcome(Outcome(file, file, file, 1.0), 1) == 0


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
