"""What function files import."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .caller import Caller
from .function import delete, get, patch, post, put
from .mounting import mount
from .problem import Fault, Reject
from .reply import Reply
from .sources import Cookie, Header
from .stream import ServerSentEvent, Stream

if TYPE_CHECKING:
    from starlette.requests import Request

    from .database.base import Tx
    from .deadline import Deadline
    from .log import Log

__all__ = [
    "Caller",
    "Cookie",
    "Deadline",
    "Fault",
    "Header",
    "Log",
    "Reject",
    "Reply",
    "Request",
    "ServerSentEvent",
    "Stream",
    "Tx",
    "delete",
    "get",
    "mount",
    "patch",
    "post",
    "put",
]

_LAZY = {
    "Deadline": ("neurova.deadline", "Deadline"),
    "Log": ("neurova.log", "Log"),
    "Request": ("starlette.requests", "Request"),
    "Tx": ("neurova.database.base", "Tx"),
}


def __getattr__(name: str) -> Any:
    # Heavy ones are imported by the file that uses them, not by every file.
    if name in _LAZY:
        from importlib import import_module

        module, attribute = _LAZY[name]
        value = getattr(import_module(module), attribute)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
