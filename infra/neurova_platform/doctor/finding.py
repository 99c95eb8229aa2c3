"""The result of one check of `neurova doctor`."""

from __future__ import annotations

from typing import Literal

import msgspec

from neurova.errors import NeurovaError

Verdict = Literal["ok", "warn", "fail"]


class Finding(msgspec.Struct, frozen=True):
    """The result of one check: its verdict, a text, and the fix ("" if none is needed)."""

    check: str
    verdict: Verdict
    what: str
    fix: str = ""


def failed(check: str, error: NeurovaError) -> Finding:
    """Return the finding of a check that raised `error`."""
    what = f"{error.where}: {error.what}" if error.where else error.what
    return Finding(check, "fail", what, error.fix)
