"""Translate PostgreSQL's errors to the platform's."""

from __future__ import annotations

from ...errors import NeurovaError, StateError, Unavailable
from ..base import TransactionError
from .url import PostgresUrl

_CONFLICTS = {
    "40001": "the transaction conflicted with a concurrent one",
    "40P01": "the transaction was in a deadlock with others",
}
_STALE_STATEMENT = "a migration changed the tables during the transaction"
READ_ONLY_TRANSACTION = "25006"

_Meaning = tuple[type[NeurovaError], str, str]

# SQLSTATE: error, what is wrong, fix. See appendix A of PostgreSQL's manual.
_ERRORS: dict[str, _Meaning] = {
    "57014": (
        Unavailable,
        "a statement did not finish before its call ended",
        "make the statement faster, or raise the function's timeout",
    ),
    "53100": (StateError, "the disk of the server is full, nothing was changed", "free disk space"),
    "53300": (
        Unavailable,
        "the server has no connection left",
        "raise max_connections of the server, or lower [services.X] connections",
    ),
    "3D000": (
        StateError,
        "the database does not exist",
        "create it (createdb), or correct the URL",
    ),
    "42501": (StateError, "the user lacks a privilege", "GRANT the privilege to the user"),
    "28P01": (
        StateError,
        "the server rejects this user's password",
        "correct PGPASSWORD, the pgpass file or the URL",
    ),
}
# Keys are SQLSTATE classes, the first two characters.
_ERROR_CLASSES: dict[str, _Meaning] = {
    "08": (Unavailable, "the server closed the connection", "retry the call"),
    "28": (
        StateError,
        "the server rejects this user",
        "correct the user in the URL, or pg_hba.conf on the server",
    ),
    "53": (Unavailable, "the server has no resources left", "retry later, see the server's log"),
    "57": (Unavailable, "the server is starting or stopping", "retry later"),
    "58": (StateError, "the server cannot read or write its files", "see the server's log"),
    "XX": (
        StateError,
        "the database is damaged, or the server has an internal error",
        "see the server's log",
    ),
}


def sqlstate(error: BaseException | None) -> str:
    """Return the SQLSTATE of a driver or SQLAlchemy error, "" if it has none."""
    cause = getattr(error, "orig", None) or error
    return getattr(cause, "sqlstate", None) or ""


def describe_conflict(error: BaseException) -> str:
    """Return the reason why the transaction must be retried, "" if a retry would not help."""
    if "InvalidCachedStatementError" in _class_names(getattr(error, "orig", None) or error):
        return _STALE_STATEMENT  # the next attempt prepares the statement again
    return _CONFLICTS.get(sqlstate(error), "")


def translate(error: BaseException, url: PostgresUrl) -> NeurovaError | None:
    """Translate to a NeurovaError; return None for an error in the statement itself."""
    state = sqlstate(error)
    cause = getattr(error, "orig", None) or error
    if state == READ_ONLY_TRANSACTION:
        return TransactionError.read_only()
    if not state and _is_connection_lost(cause):
        what = f"does not answer ({_one_line(cause)})"
        return Unavailable(what, where=str(url), fix="start the server or correct the URL")
    meaning = _ERRORS.get(state) or _ERROR_CLASSES.get(state[:2])
    if meaning is None:
        return None
    kind, what, fix = meaning
    return kind(f"{what} ({_one_line(cause)})", where=str(url), fix=fix)


def _is_connection_lost(cause: BaseException) -> bool:
    """Return whether the connection failed, not the statement."""
    if isinstance(cause, OSError | EOFError | TimeoutError):
        return True
    names = _class_names(cause)
    if "InternalClientError" in names:  # the server ended an idle connection
        return True
    # asyncpg raises InterfaceError for wrong arguments too; only the text differs.
    return "InterfaceError" in names and "closed" in str(cause)


def _class_names(error: BaseException) -> set[str]:
    # Compare names: SQLAlchemy's dialect defines its own classes with asyncpg's names.
    return {kind.__name__ for kind in type(error).__mro__}


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
