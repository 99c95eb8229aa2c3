"""Write values into the text of statements: several statements sent together take no parameters."""

from __future__ import annotations

import re
from collections.abc import Sequence

_PLACEHOLDER = re.compile(r"\$(\d+)")

Value = str | bytes | float


def insert_values(sql: str, values: Sequence[Value]) -> str:
    """Return a statement with its placeholders $1, $2, … replaced by values."""
    return _PLACEHOLDER.sub(lambda found: _literal(values[int(found[1]) - 1]), sql)


def _literal(value: Value) -> str:
    """Return an expression; encode strings in hexadecimal, so that no escaping is needed."""
    if isinstance(value, str):
        return f"convert_from(decode('{value.encode().hex()}', 'hex'), 'UTF8')"
    if isinstance(value, bytes):
        return f"decode('{value.hex()}', 'hex')"
    return repr(float(value))
