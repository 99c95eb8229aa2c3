"""Arrange the spans of a trace as a tree over time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from .span import Span


class Row(NamedTuple):
    """A line of a waterfall: a span, its depth, and its start in ms after the first span."""

    span: Span
    depth: int
    offset: float

    @property
    def ms(self) -> float:
        """Return the duration."""
        return (self.span.end - self.span.start) / 1e6


def arrange(spans: Sequence[Span]) -> list[Row]:
    """Return the spans as a tree, ordered by start; spans without a stored parent are roots."""
    if not spans:
        return []
    first = min(each.start for each in spans)
    known = {each.span_id for each in spans}
    children: dict[int, list[Span]] = {}
    for each in sorted(spans, key=lambda each: (each.start, -each.end)):
        children.setdefault(each.parent_id if each.parent_id in known else 0, []).append(each)

    def descend(parent: int, depth: int) -> Iterator[Row]:
        for each in children.pop(parent, ()):  # pop, so that a cycle of parents ends
            yield Row(each, depth, (each.start - first) / 1e6)
            yield from descend(each.span_id, depth + 1)

    return list(descend(0, 0))
