"""Draw the answer of a report as an SVG: bars, or lines."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from html import escape

from .base import QueryRefused, Result
from .reports import Plot

WIDTH, HEIGHT = 960, 420
LEFT, RIGHT, TOP, BOTTOM = 80, 20, 50, 70
COLOURS = ("#1f6feb", "#d1570b", "#1a7f37", "#8250df", "#bf3989", "#57606a")
MAX_LABELS = 16
_TEXT = 'font-family="sans-serif" font-size="12" fill="#24292f"'


def draw(title: str, plot: Plot, result: Result) -> str:
    """Return the SVG. Raises QueryRefused if the answer lacks a column of the plot."""
    missing = [each for each in (plot.x, *plot.y) if each not in result.columns]
    if missing:
        raise QueryRefused(f"the answer has no column {missing[0]!r}", fix="fix `-- plot:`")
    labels = [str(row[result.columns.index(plot.x)]) for row in result.rows]
    series = [[_number(row[result.columns.index(name)]) for row in result.rows] for name in plot.y]
    values = [value for each in series for value in each]
    ticks = _ticks(min([0.0, *values]), max([0.0, *values]))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text x="{LEFT}" y="28" {_TEXT} style="font-size:18px">{escape(title)}</text>',
        *_draw_axis(ticks),
        *_draw_labels(labels),
    ]
    for number, (name, heights) in enumerate(zip(plot.y, series, strict=True)):
        colour = COLOURS[number % len(COLOURS)]
        if plot.kind == "bars":
            parts += _draw_bars(labels, heights, ticks, colour, number, len(series))
        else:
            parts.append(_draw_line(heights, ticks, colour))
        if len(series) > 1:
            x = WIDTH - RIGHT - 130 * (len(series) - number)
            parts.append(f'<rect x="{x}" y="18" width="12" height="12" fill="{colour}"/>')
            parts.append(f'<text x="{x + 18}" y="28" {_TEXT}>{escape(name)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _ticks(low: float, high: float) -> list[float]:
    """Return about five round values that cover a range."""
    span = (high - low) or 1.0
    unit = 10 ** math.floor(math.log10(span / 5))
    step = next(unit * factor for factor in (1, 2, 5, 10) if span / (unit * factor) <= 6)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [number * step for number in range(first, max(last, first + 1) + 1)]


def _draw_axis(ticks: Sequence[float]) -> Iterator[str]:
    for tick in ticks:
        y = _y(tick, ticks)
        yield f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}" stroke="#d0d7de"/>'
        yield (
            f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end" {_TEXT}>{tick:,.10g}</text>'
        )


def _draw_labels(labels: Sequence[str]) -> Iterator[str]:
    every = max(1, math.ceil(len(labels) / MAX_LABELS))
    for number in range(0, len(labels), every):
        x, y = _x(number, len(labels)), HEIGHT - BOTTOM + 16
        yield (
            f'<text x="{x}" y="{y}" text-anchor="end" transform="rotate(-30 {x} {y})" {_TEXT}>'
            f"{escape(labels[number])}</text>"
        )


def _draw_bars(
    labels: Sequence[str],
    values: Iterable[float],
    ticks: Sequence[float],
    colour: str,
    number: int,
    count: int,
) -> Iterator[str]:
    """Yield the bars of one of `count` series, whose bars stand side by side."""
    width = (WIDTH - LEFT - RIGHT) / max(len(labels), 1) * 0.8 / count
    zero = _y(0.0, ticks)
    for index, value in enumerate(values):
        x, y = _x(index, len(labels)) + (number - count / 2) * width, _y(value, ticks)
        yield (
            f'<rect x="{x:.1f}" y="{min(y, zero):.1f}" width="{width:.1f}" '
            f'height="{abs(zero - y):.1f}" fill="{colour}">'
            f"<title>{escape(labels[index])}: {value:,.10g}</title></rect>"
        )


def _draw_line(values: Sequence[float], ticks: Sequence[float], colour: str) -> str:
    points = " ".join(
        f"{_x(index, len(values))},{_y(value, ticks)}" for index, value in enumerate(values)
    )
    return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'


def _x(index: int, count: int) -> float:
    return round(LEFT + (WIDTH - LEFT - RIGHT) * (index + 0.5) / max(count, 1), 1)


def _y(value: float, ticks: Sequence[float]) -> float:
    share = (value - ticks[0]) / (ticks[-1] - ticks[0])
    return round(HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * share, 1)


def _number(value: object) -> float:
    """Return a value of the answer as a number; null is 0. Raises QueryRefused for others."""
    if isinstance(value, int | float | Decimal | str) or value is None:
        try:
            number = float(value or 0)
            return number if math.isfinite(number) else 0.0
        except ValueError:
            pass
    raise QueryRefused(f"{value!r} is not a number", fix="plot columns of numbers")
