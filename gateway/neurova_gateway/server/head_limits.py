"""Limits of a request head: bytes and fields."""

from __future__ import annotations

from neurova.http.call import Field

from ..pipeline.identity import MAX_BYTES

MAX_HEAD = 16 * 1024
MAX_FIELDS = 100
HEAD_TOO_LARGE = "Request head exceeds 16 KiB or 100 fields"


def head_limit(behind: str) -> int:
    """Return the maximum head size in bytes; behind Kong, it includes the signed identity."""
    return MAX_HEAD + MAX_BYTES if behind else MAX_HEAD


def is_head_too_large(target: bytes, fields: list[Field], size: int, limit: int = MAX_HEAD) -> bool:
    """Return whether a head exceeds `limit` or MAX_FIELDS; `size`: upper bound of its bytes."""
    if len(fields) > MAX_FIELDS:
        return True
    if size <= limit:
        return False
    return len(target) + sum(len(name) + len(value) + 4 for name, value in fields) > limit
