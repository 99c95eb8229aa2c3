"""The section `[models]` of neurova.toml."""

from __future__ import annotations

from .section import Section
from .units import Seconds


class Models(Section, frozen=True):
    """Configure the registry of models, and how functions use them.

    `url`: an MLflow server or SQLite file, empty for a file in the state folder. `token`: the
    bearer token sent to the server. In seconds: `timeout` of one prediction, `refresh` between two
    looks at the aliases. `trusted`: further types that the files of models may contain.
    """

    url: str = ""
    token: str = ""
    timeout: Seconds = 2.0
    refresh: Seconds = 2.0
    trusted: tuple[str, ...] = ()
