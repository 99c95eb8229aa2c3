"""Compute the figures of bookings, from the file and from the API, and format them as tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from .booking import CrmStay, StoredBooking
from .hotel import Row, nights

_HEADINGS = ("bookings", "nights", "mean rate", "revenue")
_CENT = Decimal("0.01")


@dataclass(frozen=True)
class Figures:
    """The sums of bookings: count, nights, rates (prices per night) and revenue."""

    bookings: int = 0
    nights: int = 0
    rates: Decimal = Decimal(0)
    revenue: Decimal = Decimal(0)

    @property
    def mean(self) -> Decimal:
        """Return the mean rate of a booking."""
        return self.rates / self.bookings if self.bookings else Decimal(0)

    def __add__(self, other: Figures) -> Figures:
        return Figures(
            self.bookings + other.bookings,
            self.nights + other.nights,
            self.rates + other.rates,
            self.revenue + other.revenue,
        )


@dataclass(frozen=True)
class Entry:
    """The data of one booking that a report needs."""

    month: str
    channel: str
    figures: Figures


@dataclass(frozen=True)
class Report:
    """Figures by month of arrival, by channel, and of all bookings."""

    months: dict[str, Figures]
    channels: dict[str, Figures]
    total: Figures

    @classmethod
    def of(cls, bookings: Iterable[Entry]) -> Report:
        """Sum up bookings."""
        entries = list(bookings)
        return cls(
            _group(entries, lambda entry: entry.month),
            _group(entries, lambda entry: entry.channel),
            sum((entry.figures for entry in entries), Figures()),
        )

    def lines(self) -> dict[str, Figures]:
        """Return every line by a unique name."""
        months = {f"month {name}": figures for name, figures in self.months.items()}
        channels = {f"channel {name}": figures for name, figures in self.channels.items()}
        return {**months, **channels, "total": self.total}


def entry_of_row(row: Row) -> Entry:
    """Return the entry of a row of the file, independent of the sent booking."""
    rate, stay = Decimal(row["avg_price_per_room"]), nights(row)
    month, channel = row["arrival_date"][:7], row["distribution_channel"]
    return Entry(month, channel, Figures(1, stay, rate, rate * stay))


def entry_of_stored(stored: StoredBooking) -> Entry:
    """Return the entry of a booking from the API, which uses cents."""
    rate, total = Decimal(stored.rate).scaleb(-2), Decimal(stored.total).scaleb(-2)
    return Entry(f"{stored.arrival:%Y-%m}", stored.channel, Figures(1, stored.nights, rate, total))


def entry_of_stay(stay: CrmStay) -> Entry:
    """Return the entry of a stay in CRM; a cancelled stay gets no channel of the file."""
    total = Decimal(stay.total).scaleb(-2)
    channel = stay.channel if stay.status == "booked" else stay.status
    figures = Figures(1, stay.nights, total / stay.nights, total)
    return Entry(f"{stay.arrival:%Y-%m}", channel, figures)


def find_differences(file: Report, stored: Report, of: str = "the API") -> list[str]:
    """Describe the lines in which two reports differ, to the cent; `of` names the second source."""
    expected, actual = file.lines(), stored.lines()
    return [
        f"{name}: the file has {expected.get(name)}, {of} has {actual.get(name)}"
        for name in sorted({*expected, *actual})
        if expected.get(name) != actual.get(name)
    ]


def format_tables(report: Report) -> Iterator[str]:
    """Yield the lines of the tables by month and by channel."""
    for name, table in (("month", report.months), ("channel", report.channels)):
        yield _format_line(name, _HEADINGS)
        for key, figures in table.items():
            yield _format_line(key, format_figures(figures))
        yield _format_line("total", format_figures(report.total))
        yield ""


def format_figures(figures: Figures) -> tuple[str, str, str, str]:
    """Return bookings, nights, mean rate and revenue as text, money to the cent."""
    mean = figures.mean.quantize(_CENT, ROUND_HALF_EVEN)
    revenue = figures.revenue.quantize(_CENT)
    return f"{figures.bookings:,}", f"{figures.nights:,}", f"{mean:,}", f"{revenue:,}"


def _format_line(name: str, cells: tuple[str, str, str, str]) -> str:
    return f"{name:<10}" + "".join(f"{cell:>14}" for cell in cells)


def _group(entries: list[Entry], key: Callable[[Entry], str]) -> dict[str, Figures]:
    groups: dict[str, Figures] = {}
    for entry in entries:
        groups[key(entry)] = groups.get(key(entry), Figures()) + entry.figures
    return dict(sorted(groups.items()))
