"""Figures are summed exactly, and a difference of a cent is found."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from examples.replay.__main__ import print_outcome
from examples.replay.booking import StoredBooking
from examples.replay.figures import (
    Figures,
    Report,
    entry_of_row,
    entry_of_stored,
    find_differences,
    format_figures,
)
from examples.replay.hotel import booking
from examples.replay.replay import Outcome


def store(row: Any, **changes: Any) -> StoredBooking:
    """Return what the API returns of a row's booking, with changes."""
    stay = booking(row).stay
    fields = {**msgspec.structs.asdict(stay), "total": stay.rate * stay.nights, **changes}
    return StoredBooking(**fields)


def test_figures_are_grouped_by_arrival_month_and_channel(row: Any) -> None:
    rows = [
        row(),
        row(),
        row(arrival_date="2016-08-01", distribution_channel="direct", avg_price_per_room="0.01"),
    ]
    report = Report.of(map(entry_of_row, rows))
    two = Figures(2, 6, Decimal("504.34"), Decimal("1513.02"))
    one = Figures(1, 3, Decimal("0.01"), Decimal("0.03"))
    assert report.months == {"2016-07": two, "2016-08": one}
    assert report.channels == {"direct": one, "ta_to": two}
    assert report.total == Figures(3, 9, Decimal("504.35"), Decimal("1513.05"))


def test_mean_rate_does_not_depend_on_nights() -> None:
    """The mean of no bookings is 0."""
    assert Figures(4, 400, Decimal("10.00"), Decimal("999.00")).mean == Decimal("2.5")
    assert Figures().mean == 0


def test_figures_are_formatted_to_the_cent() -> None:
    formatted = format_figures(Figures(3, 1_000, Decimal("1000.00"), Decimal("1234567.5")))
    assert formatted == ("3", "1,000", "333.33", "1,234,567.50")


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
    assert print_outcome(Outcome(file, stored, 1.0), 1) == 1
    assert "NOT EQUAL" in capsys.readouterr().out


def test_missing_or_duplicate_booking_is_found(row: Any) -> None:
    file = Report.of([entry_of_row(row())])
    assert len(find_differences(file, Report.of([]))) == 3
    assert len(find_differences(file, Report.of([entry_of_stored(store(row()))] * 2))) == 3
    assert print_outcome(Outcome(file, file, 1.0), 1) == 0
