"""Prepare spans for export: convert values to JSON types and mask secrets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from ..telemetry.redact import mask_secrets
from .span import TracedSpan

MAX_TEXT = 2_000
"""The maximum length of a text in a span."""


def masked(spans: Sequence[TracedSpan]) -> list[TracedSpan]:
    """Return the spans with masked texts. Compile SQL statements here, not during the call."""
    texts = _Texts()
    return [
        (
            trace_id,
            msgspec.structs.replace(
                span,
                name=texts[span.name],
                attributes={
                    name: value if isinstance(value, bool | int | float) else texts[value]
                    for name, value in span.attributes.items()
                },
                error=texts[span.error] if span.error else "",
            ),
        )
        for trace_id, span in spans
    ]


class _Texts(dict[Any, str]):
    """Mask each distinct value of a batch once: names, routes and statuses repeat."""

    def __missing__(self, value: Any) -> str:
        try:
            text = str(value)
        except Exception:  # a statement that only its own dialect can compile
            text = type(value).__qualname__
        self[value] = text = mask_secrets(text[:MAX_TEXT])
        return text
