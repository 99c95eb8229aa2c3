"""What a hotel wants to know of its bookings, from the file and from the API; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal

from .booking import Found
from .hotel import Row, nights


@dataclass(frozen=True)
class Figures:
    """Count bookings and nights; `rates` is the sum of their prices a night, `revenue` of all."""

    bookings: int = 0
    nights: int = 0
    rates: Decimal = Decimal(0)
    revenue: Decimal = Decimal(0)

    @property
    def mean(self) -> Decimal:
        """Return the mean price a night of a booking."""
        return self.rates / self.bookings if self.bookings else Decimal(0)

    def __add__(self, other: Figures) -> Figures:
        return Figures(
            self.bookings + other.bookings,
            self.nights + other.nights,
            self.rates + other.rates,
            self.revenue + other.revenue,
        )


@dataclass(frozen=True)
class One:
    """One booking, as far as the figures need it."""

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
    def of(cls, bookings: Iterable[One]) -> Report:
        """Sum up bookings."""
        each = list(bookings)
        months, channels = _by(each, lambda one: one.month), _by(each, lambda one: one.channel)
        return cls(months, channels, sum((one.figures for one in each), Figures()))

    def lines(self) -> dict[str, Figures]:
        """Return every line under a name of its own."""
        months = {f"month {name}": figures for name, figures in self.months.items()}
        channels = {f"channel {name}": figures for name, figures in self.channels.items()}
        return {**months, **channels, "total": self.total}


def of_row(row: Row) -> One:
    """Read what the file says of a booking, with no way through what is sent."""
    rate, stay = Decimal(row["avg_price_per_room"]), nights(row)
    month, channel = row["arrival_date"][:7], row["distribution_channel"]
    return One(month, channel, Figures(1, stay, rate, rate * stay))


def of_found(found: Found) -> One:
    """Read what the API says of a booking; its money is in cents."""
    rate, total = Decimal(found.rate).scaleb(-2), Decimal(found.total).scaleb(-2)
    return One(f"{found.arrival:%Y-%m}", found.channel, Figures(1, found.nights, rate, total))


def differences(file: Report, read: Report) -> list[str]:
    """Name the lines in which the two differ, none when they are equal to the cent."""
    ours, theirs = file.lines(), read.lines()
    return [
        f"{name}: the file says {ours.get(name)}, read back was {theirs.get(name)}"
        for name in sorted({*ours, *theirs})
        if ours.get(name) != theirs.get(name)
    ]


def _by(each: list[One], key: Callable[[One], str]) -> dict[str, Figures]:
    found: dict[str, Figures] = {}
    for one in each:
        found[key(one)] = found.get(key(one), Figures()) + one.figures
    return dict(sorted(found.items()))
