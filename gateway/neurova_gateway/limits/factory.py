"""Open a rate limiter; the scheme of its URL selects the backend."""

from __future__ import annotations

from pathlib import Path

from neurova.errors import ConfigError

from .base import Limiter
from .redis.url import SCHEMES, RedisUrl, parse_url

FILE = "file://"


def limiter_url(state: Path, configured: str = "") -> str:
    """Return the configured URL; by default, the URL of a table in the state folder."""
    return configured or f"{FILE}{state / 'limits.table'}"


def open_limiter(url: str, state: Path) -> Limiter:
    """Open the limiter at `file:///path` (for the processes of one machine) or `redis://host`.

    `state`: the state folder, where this node counts calls while Redis is down. Raises StateError
    if the limiter cannot be used, ConfigError for any other URL or if the driver is missing.
    """
    if url.startswith(FILE):
        from .table import LimitTable

        return LimitTable(Path(url.removeprefix(FILE)))
    parsed = _parse(url)
    try:
        from .redis.limiter import RedisLimiter
    except ImportError:
        raise _no_driver() from None
    return RedisLimiter(parsed, state)


def check_limiter(url: str) -> str:
    """Return a one-line status of a limiter for `neurova doctor`, without creating a file.

    Raises NeurovaError with the fix when the limiter cannot be used.
    """
    if not url.startswith(FILE):
        parsed = _parse(url)
        try:
            from .redis.limiter import check_redis
        except ImportError:
            raise _no_driver() from None
        return check_redis(parsed)
    file = Path(url.removeprefix(FILE))
    if not file.exists():
        return f"{file}: no table of rate limits yet, the first start creates it"
    open_limiter(url, file.parent).close()
    return f"{file}: {file.stat().st_size >> 10} KiB"


def _parse(url: str) -> RedisUrl:
    if url.partition("://")[0] not in SCHEMES:
        raise ConfigError(
            "unknown URL scheme of the rate limiter",
            where="gateway.limits",
            fix="write redis://host:6379/0, or leave it out for a file in the state folder",
        )
    try:
        return parse_url(url)
    except ValueError as error:
        raise ConfigError(f"the URL {error}", where="gateway.limits") from None


def _no_driver() -> ConfigError:
    return ConfigError(
        "the Redis driver is not installed",
        where="gateway.limits",
        fix="pip install hiredis greenlet",
    )
