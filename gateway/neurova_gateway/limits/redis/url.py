"""Read the URL of a Redis server."""

from __future__ import annotations

import os
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

SCHEMES = ("redis", "rediss", "unix")
PASSWORD_VARIABLE = "REDISCLI_AUTH"  # noqa: S105 - the variable of redis-cli
_PORT = 6379


class RedisUrl(NamedTuple):
    """A server at `host` and `port`, or at the socket `path`; `str` omits the password."""

    scheme: str
    host: str
    port: int
    path: str
    database: int
    user: str
    password: str

    @property
    def is_tls(self) -> bool:
        """Return whether the connection is encrypted."""
        return self.scheme == "rediss"

    def __str__(self) -> str:
        if self.path:
            return f"unix://{self.path}"
        user = f"{self.user}@" if self.user else ""
        return f"{self.scheme}://{user}{self.host}:{self.port}/{self.database}"

    def __repr__(self) -> str:
        return f"RedisUrl({str(self)!r})"


def parse_url(text: str) -> RedisUrl:
    """Parse `redis://user:password@host:port/database`, `rediss://…` or `unix:///path`.

    If the URL has no password, it is read from REDISCLI_AUTH. Raises ValueError with the fix.
    """
    parts = urlsplit(text)
    if parts.scheme not in SCHEMES:
        raise ValueError("is not a Redis URL, write redis://host:6379/0")
    password = unquote(parts.password or "") or os.environ.get(PASSWORD_VARIABLE, "")
    user = unquote(parts.username or "")
    if parts.scheme == "unix":
        (database,) = parse_qs(parts.query).get("db", ["0"])
        return RedisUrl("unix", "", 0, parts.path, int(database), user, password)
    database = parts.path.strip("/") or "0"
    if not database.isdecimal():
        raise ValueError("has a database that is not a number, write redis://host:6379/0")
    if not parts.hostname:
        raise ValueError("has no host, write redis://host:6379/0")
    port = parts.port or _PORT
    return RedisUrl(parts.scheme, parts.hostname, port, "", int(database), user, password)


def find_url_error(text: str) -> str:
    """Return the error in a Redis URL, "" if the URL is valid."""
    try:
        parse_url(text)
    except ValueError as error:
        return str(error)
    return ""
