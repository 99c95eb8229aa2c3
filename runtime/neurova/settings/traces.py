"""The section `[traces]` of neurova.toml."""

from __future__ import annotations

from typing import Annotated

import msgspec

from ..server_url import split_server_url
from .section import Section
from .units import Seconds, Size

Ratio = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Traces(Section, frozen=True):
    """Configure traces.

    `url`: a collector that takes OTLP/HTTP, empty for a file in the state folder; `token` is sent
    to it. `ratio`: the share of operations that `neurova run` samples; `neurova dev` samples all.
    `slow`: the seconds from which an operation leaves a span even if it is not sampled. The file
    keeps spans for `keep` days, in at most `max_size` bytes.
    """

    enabled: bool = True
    url: str = ""
    token: str = ""
    ratio: Ratio = 0.01
    slow: Seconds = 1.0
    keep: Annotated[int, msgspec.Meta(ge=1, le=366)] = 7
    max_size: Size = 256 << 20


def find_url_error(url: str) -> str:
    """Return the error in the URL of a collector, "" if there is none."""
    parts = split_server_url(url)
    if parts is None or parts.query:
        return "is not the URL of a collector: write one like http://127.0.0.1:4318"
    return "contains a password: set traces.token instead" if "@" in parts.netloc else ""
