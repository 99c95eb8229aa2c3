"""Durations on the command line: 90s, 15m, 1h, 30d."""

from __future__ import annotations

import re
from typing import Any

import click

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class Duration(click.ParamType[float]):
    """Parse a duration into seconds."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the seconds of "90s", "15m", "1h" or "30d"."""
        match = re.fullmatch(r"(\d{1,9})([smhd])", str(value))
        if match is None:
            self.fail(f'{value!r} is no duration: write "90s", "15m", "1h" or "30d"', param, ctx)
        return float(int(match[1]) * _SECONDS[match[2]])
