"""Where a PostgreSQL database is, said without its password."""

from __future__ import annotations

from importlib.util import find_spec
from urllib.parse import parse_qsl, urlencode, urlsplit

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
        return PostgresUrl(urlsplit(self.dsn)._replace(path=f"/{database}").geturl())

    @property
    def database(self) -> str:
        """Return the database's name, "" when the URL has none."""
        return urlsplit(self.dsn).path.strip("/")

    def __str__(self) -> str:
        parts = urlsplit(self.dsn)
        user, at, place = parts.netloc.rpartition("@")
        kept = [(key, value) for key, value in parse_qsl(parts.query) if key not in _SECRET]
        netloc = user.partition(":")[0] + at + place
        return parts._replace(netloc=netloc, query=urlencode(kept)).geturl()

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
    """Return what is wrong with a URL of PostgreSQL and the fix, "" when nothing is."""
    try:
        parts = urlsplit(dsn)
        parts.port  # noqa: B018 - read for what it raises
    except ValueError as error:
        return f"is no URL ({error}): write postgresql://user@host:port/name"
    if not parts.path.strip("/"):
        return "names no database: write postgresql://user@host:port/name"
    if find_spec("asyncpg") is None or find_spec("greenlet") is None:
        return "needs the driver of PostgreSQL: pip install 'neurova[postgres]'"
    return ""
