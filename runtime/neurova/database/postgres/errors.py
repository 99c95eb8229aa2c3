"""PostgreSQL's errors in the words of the platform."""

from __future__ import annotations

from ...errors import NeurovaError, StateError, Unavailable
from ..base import READ_ONLY, TransactionError
from .url import PostgresUrl

_CLASHES = {
    "40001": "it clashed with another transaction",
    "40P01": "it stood in a ring of transactions that waited for each other",
}
_STALE = "the tables changed while it ran"

# By SQLSTATE, and below by its class, the first two signs: Appendix A of PostgreSQL's manual.
_MEANINGS: dict[str, tuple[type[NeurovaError], str]] = {
    "57014": (Unavailable, "did not finish a statement before its call ended"),
    "53100": (StateError, "cannot grow: free space on its disk; nothing was changed"),
    "53300": (
        Unavailable,
        "has no connection left: raise its max_connections, or lower [services.X] connections",
    ),
    "3D000": (StateError, "is not there: create it (createdb), or mend the URL"),
    "42501": (StateError, "does not give this user the right to: GRANT it"),
    "28P01": (
        StateError,
        "does not take this user's password: mend PGPASSWORD, the pgpass file or the URL",
    ),
}
_CLASSES: dict[str, tuple[type[NeurovaError], str]] = {
    "08": (Unavailable, "has cut the connection"),
    "28": (StateError, "does not let this user in: mend the user, or pg_hba.conf on the server"),
    "53": (Unavailable, "has no resources left"),
    "57": (Unavailable, "is starting or stopping"),
    "58": (StateError, "cannot read or write its files: see its log"),
    "XX": (StateError, "is damaged, or has met a fault of its own: see its log"),
}


def state_of(error: BaseException | None) -> str:
    """Return the SQLSTATE of an error, the driver's or SQLAlchemy's around it; "" without."""
    cause = getattr(error, "orig", None) or error
    return getattr(cause, "sqlstate", None) or ""


def clash(error: BaseException) -> str:
    """Return why a transaction has to be run again, "" when that would not help."""
    names = {kind.__name__ for kind in type(getattr(error, "orig", None) or error).__mro__}
    if "InvalidCachedStatementError" in names:
        return _STALE  # a migration has run meanwhile; the next attempt prepares it anew
    return _CLASHES.get(state_of(error), "")


def translate(error: BaseException, url: PostgresUrl) -> NeurovaError | None:
    """Return what `error` means for a person, None where it is the statement's own fault."""
    found = state_of(error)
    cause = getattr(error, "orig", None) or error
    if found == "25006":
        return TransactionError(READ_ONLY)
    if not found and _lost(cause):
        return Unavailable(f"{url} does not answer ({_words(cause)})")
    said = _MEANINGS.get(found) or _CLASSES.get(found[:2])
    if said is None:
        return None
    kind, meaning = said
    return kind(f"{url} {meaning} ({_words(cause)})")


def _lost(cause: BaseException) -> bool:
    """Tell whether the connection, not the statement, has failed."""
    if isinstance(cause, OSError | EOFError | TimeoutError):
        return True
    names = {kind.__name__ for kind in type(cause).__mro__}
    if "InternalClientError" in names:  # the server's farewell came while nothing was asked of it
        return True
    # asyncpg's InterfaceError, and SQLAlchemy's for it; it has others, for arguments of no use.
    return "InterfaceError" in names and "closed" in str(cause)


def _words(cause: BaseException) -> str:
    """Return an error's own words on one line."""
    return " ".join(str(cause).split()) or type(cause).__name__
