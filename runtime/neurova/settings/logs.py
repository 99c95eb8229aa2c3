"""The section `[logs]` of neurova.toml."""

from __future__ import annotations

from typing import Literal

from .section import Section


class Logs(Section, frozen=True):
    """Configure the log of functions and the platform.

    `url`: the Loki or Elasticsearch that lines are sent to, besides the file in the state folder;
    empty for none. `level`: lines of lower levels are not written.
    """

    url: str = ""
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
