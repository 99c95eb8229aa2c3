"""The URL of a PostgreSQL database."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

if TYPE_CHECKING:
    from .credentials import CredentialSource

SCHEMES = ("postgresql", "postgres")
_SECRET = {"password", "sslpassword"}


class PostgresUrl:
    """A libpq URL: `postgresql://user:password@host:port/name?sslmode=require`.

    Missing parts come from the environment (PGPASSWORD, PGPASSFILE, PGHOST…), as with psql. `dsn`
    is the whole URL; `str()` omits passwords. `credentials` replace the user and the password.
    """

    __slots__ = ("credentials", "dsn")

    def __init__(self, dsn: str, credentials: CredentialSource | None = None) -> None:
        self.dsn = dsn
        self.credentials = credentials

    def with_database(self, database: str) -> PostgresUrl:
        """Return the URL of another database on the same server."""
        parts = urlsplit(self.dsn)
        return PostgresUrl(_join(parts, parts.netloc, f"/{database}", parts.query))

    @property
    def database(self) -> str:
        """Return the name of the database, "" if the URL has none."""
        return urlsplit(self.dsn).path.strip("/")

    def __str__(self) -> str:
        parts = urlsplit(self.dsn)
        user, at, host = parts.netloc.rpartition("@")
        options = [(key, value) for key, value in parse_qsl(parts.query) if key not in _SECRET]
        netloc = user.partition(":")[0] + at + host
        return _join(parts, netloc, parts.path, urlencode(options))

    def __repr__(self) -> str:
        return f"<PostgresUrl {self}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PostgresUrl) and other.dsn == self.dsn

    def __hash__(self) -> int:
        return hash(self.dsn)


def is_postgres(text: str) -> bool:
    """Return whether a setting is a PostgreSQL URL."""
    return text.partition("://")[0] in SCHEMES and "://" in text


def find_url_error(dsn: str) -> str:
    """Return the error in a PostgreSQL URL and its fix, "" if the URL is valid.

    The text never contains the URL, which may contain a password.
    """
    form = "write postgresql://user@host:port/name, with special characters percent-encoded"
    try:
        parts = urlsplit(dsn)
        name = parts.path.strip("/")
        is_valid = parts.port != 0 and "/" not in name and "@" not in name
    except ValueError:
        is_valid = False
    if not is_valid:
        return f"is not a URL of PostgreSQL: {form}"
    if not name:
        return f"does not name a database: {form}"
    if find_spec("asyncpg") is None or find_spec("greenlet") is None:
        return "needs the PostgreSQL driver: run `pip install asyncpg greenlet`"
    return ""


def _join(parts: SplitResult, netloc: str, path: str, query: str) -> str:
    """Join the parts of a URL; unlike urlunsplit, keep "//" if there is no host."""
    return f"{parts.scheme}://{netloc}{path}" + (f"?{query}" if query else "")
