"""Open a rate limiter by its URL, with the backend that its scheme names."""

from __future__ import annotations

from pathlib import Path

from neurova.errors import ConfigError

from .base import Limiter

FILE = "file://"


def limiter_url(state: Path) -> str:
    """Return the URL of the limiter that all processes with this state folder share."""
    return f"{FILE}{state / 'limits.table'}"


def open_limiter(url: str) -> Limiter:
    """Open the limiter at `file:///path`, a table that the processes of one machine share.

    Raises StateError when it cannot be used, ConfigError for another URL.
    """
    if not url.startswith(FILE):
        raise ConfigError("unknown URL scheme of the rate limiter", fix="write file:///path")
    from .table import LimitTable

    return LimitTable(Path(url.removeprefix(FILE)))


def check_limiter(url: str) -> str:
    """Return one line on the state of a limiter, for `neurova doctor`; creates no file.

    Raises NeurovaError with the fix when the limiter cannot be used.
    """
    file = Path(url.removeprefix(FILE))
    if not file.exists():
        return f"{file}: no table of rate limits yet, the first start creates it"
    open_limiter(url).close()
    return f"{file}: {file.stat().st_size >> 10} KiB"
