"""Figures are summed exactly, and a cent of difference is seen."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from examples.replay.__main__ import tell
from examples.replay.booking import Found
from examples.replay.figures import Figures, Report, differences, of_found, of_row
from examples.replay.hotel import booking
from examples.replay.replay import Outcome
from examples.replay.table import cells


def found(row: Any, **given: Any) -> Found:
    """Return what an API without a fault says of a row's booking."""
    stay = booking(row).stay
    said = {**msgspec.structs.asdict(stay), "total": stay.rate * stay.nights, **given}
    return Found(**said)


def test_figures_are_of_the_month_of_arrival_and_the_channel(row: Any) -> None:
    rows = [
        row(),
        row(),
        row(arrival_date="2016-08-01", distribution_channel="direct", avg_price_per_room="0.01"),
    ]
    report = Report.of(map(of_row, rows))
    two = Figures(2, 6, Decimal("504.34"), Decimal("1513.02"))
    one = Figures(1, 3, Decimal("0.01"), Decimal("0.03"))
    assert report.months == {"2016-07": two, "2016-08": one}
    assert report.channels == {"direct": one, "ta_to": two}
    assert report.total == Figures(3, 9, Decimal("504.35"), Decimal("1513.05"))


def test_the_mean_is_the_sum_of_rates_by_bookings_whatever_their_nights() -> None:
    """No bookings have the mean 0."""
    assert Figures(4, 400, Decimal("10.00"), Decimal("999.00")).mean == Decimal("2.5")
    assert Figures().mean == 0


def test_figures_are_shown_to_the_cent() -> None:
    shown = cells(Figures(3, 1_000, Decimal("1000.00"), Decimal("1234567.5")))
    assert shown == ("3", "1,000", "333.33", "1,234,567.50")


def test_the_file_and_a_faultless_api_say_the_same(row: Any) -> None:
    rows = [row(), row(avg_price_per_room="48.0"), row(distribution_channel="corporate")]
    file = Report.of(map(of_row, rows))
    assert differences(file, Report.of(of_found(found(each)) for each in rows)) == []


@pytest.mark.parametrize(
    ("given", "lines"),
    [
        ({"rate": 252_18}, ["channel ta_to", "month 2016-07", "total"]),
        ({"total": 756_52}, ["channel ta_to", "month 2016-07", "total"]),
        ({"nights": 4}, ["channel ta_to", "month 2016-07", "total"]),
        ({"arrival": date(2016, 8, 1)}, ["month 2016-07", "month 2016-08"]),
        ({"channel": "direct"}, ["channel direct", "channel ta_to"]),
    ],
)
def test_whatever_the_api_says_otherwise_is_named_and_ends_with_1(
    row: Any, given: Any, lines: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    file, read = Report.of([of_row(row())]), Report.of([of_found(found(row(), **given))])
    assert [line.partition(":")[0] for line in differences(file, read)] == lines
    assert tell(Outcome(file, read, 1.0), 1) == 1
    assert "NOT EQUAL" in capsys.readouterr().out


def test_a_booking_that_is_missing_or_there_twice_is_seen(row: Any) -> None:
    file = Report.of([of_row(row())])
    assert len(differences(file, Report.of([]))) == 3
    assert len(differences(file, Report.of([of_found(found(row()))] * 2))) == 3
    assert tell(Outcome(file, file, 1.0), 1) == 0
