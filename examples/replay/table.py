"""Figures, as people read them."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import ROUND_HALF_EVEN, Decimal

from .figures import Figures, Report

_HEAD = ("bookings", "nights", "mean rate", "revenue")
_CENT = Decimal("0.01")


def lines(report: Report) -> Iterator[str]:
    """Yield the lines of both tables."""
    for name, table in (("month", report.months), ("channel", report.channels)):
        yield _line(name, _HEAD)
        for key, figures in table.items():
            yield _line(key, cells(figures))
        yield _line("total", cells(report.total))
        yield ""


def cells(figures: Figures) -> tuple[str, str, str, str]:
    """Return what a line shows: bookings, nights, mean rate and revenue, money to the cent."""
    mean = figures.mean.quantize(_CENT, ROUND_HALF_EVEN)
    revenue = figures.revenue.quantize(_CENT)
    return f"{figures.bookings:,}", f"{figures.nights:,}", f"{mean:,}", f"{revenue:,}"


def _line(name: str, cells: tuple[str, str, str, str]) -> str:
    return f"{name:<10}" + "".join(f"{cell:>14}" for cell in cells)
