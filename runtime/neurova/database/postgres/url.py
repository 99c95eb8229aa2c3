"""Where a PostgreSQL database is, said without its password."""

from __future__ import annotations

from importlib.util import find_spec
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

SCHEMES = ("postgresql", "postgres")
_SECRET = {"password", "sslpassword"}


class PostgresUrl:
    """Name a database as libpq does: `postgresql://user:password@host:port/name?sslmode=require`.

    What is left out comes from the environment (PGPASSWORD, PGPASSFILE, PGHOST…), as with psql.
    `dsn` is the whole; as text it is shown without a password.
    """

    __slots__ = ("dsn",)

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn

    def named(self, database: str) -> PostgresUrl:
        """Return the URL of another database of the same server."""
        parts = urlsplit(self.dsn)
        return PostgresUrl(_joined(parts, parts.netloc, f"/{database}", parts.query))

    @property
    def database(self) -> str:
        """Return the database's name, "" when the URL has none."""
        return urlsplit(self.dsn).path.strip("/")

    def __str__(self) -> str:
        parts = urlsplit(self.dsn)
        user, at, place = parts.netloc.rpartition("@")
        kept = [(key, value) for key, value in parse_qsl(parts.query) if key not in _SECRET]
        netloc = user.partition(":")[0] + at + place
        return _joined(parts, netloc, parts.path, urlencode(kept))

    def __repr__(self) -> str:
        return f"<PostgresUrl {self}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PostgresUrl) and other.dsn == self.dsn

    def __hash__(self) -> int:
        return hash(self.dsn)


def is_postgres(text: str) -> bool:
    """Tell whether a database is said to be PostgreSQL's."""
    return text.partition("://")[0] in SCHEMES and "://" in text


def fault(dsn: str) -> str:
    """Return what is wrong with a URL of PostgreSQL and the fix, "" when nothing is.

    Never tells the URL itself, of which a part may be a password.
    """
    form = "write postgresql://user@host:port/name, with what is special percent-encoded"
    try:
        parts = urlsplit(dsn)
        name = parts.path.strip("/")
        sound = parts.port != 0 and "/" not in name and "@" not in name
    except ValueError:
        sound = False
    if not sound:
        return f"is no URL of PostgreSQL: {form}"
    if not name:
        return f"names no database: {form}"
    if find_spec("asyncpg") is None or find_spec("greenlet") is None:
        return "needs the driver of PostgreSQL: pip install neurova[postgres]"
    return ""


def _joined(parts: SplitResult, netloc: str, path: str, query: str) -> str:
    """Put a URL together, also one without a host, whose slashes urllib would leave out."""
    return f"{parts.scheme}://{netloc}{path}" + (f"?{query}" if query else "")
