"""Prepare spans for export: text for what is not JSON, and no secrets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from ..telemetry.redact import mask_secrets
from .span import TracedSpan

MAX_TEXT = 2_000
"""The maximum length of a text in a span."""


def masked(spans: Sequence[TracedSpan]) -> list[TracedSpan]:
    """Return the spans with masked texts; SQL statements become text here, off the call's path."""
    return [
        (
            trace_id,
            msgspec.structs.replace(
                span,
                name=_text(span.name),
                attributes={name: _value(value) for name, value in span.attributes.items()},
                error=_text(span.error) if span.error else "",
            ),
        )
        for trace_id, span in spans
    ]


def _value(value: Any) -> Any:
    return value if isinstance(value, bool | int | float) else _text(value)


def _text(value: Any) -> str:
    try:
        text = str(value)
    except Exception:  # a statement that only its own dialect can compile
        text = type(value).__qualname__
    return mask_secrets(text[:MAX_TEXT])
