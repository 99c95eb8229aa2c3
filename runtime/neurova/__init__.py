"""The public API for function files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .binding.markers import Cookie, Header
from .events.event import Event
from .functions.decorators import delete, get, mount, patch, post, put
from .functions.schedule import cron, every
from .functions.subscription import on
from .http.caller import Caller
from .http.problem import Fault, Reject
from .http.reply import Reply
from .streaming.stream import ServerSentEvent, Stream
from .subscriptions.records import Retry

if TYPE_CHECKING:
    from starlette.requests import Request

    from .database.base import Tx
    from .execution.deadline import Deadline
    from .execution.snapshot import Snapshot
    from .mail.base import Mail
    from .models.model import Model
    from .secrets.secret import Secret
    from .telemetry.log import Log
    from .traces.trace import Trace

__all__ = [
    "Caller",
    "Cookie",
    "Deadline",
    "Event",
    "Fault",
    "Header",
    "Log",
    "Mail",
    "Model",
    "Reject",
    "Reply",
    "Request",
    "Retry",
    "Secret",
    "ServerSentEvent",
    "Snapshot",
    "Stream",
    "Trace",
    "Tx",
    "cron",
    "delete",
    "every",
    "get",
    "mount",
    "on",
    "patch",
    "post",
    "put",
]

_LAZY = {
    "Deadline": ("neurova.execution.deadline", "Deadline"),
    "Mail": ("neurova.mail.base", "Mail"),
    "Model": ("neurova.models.model", "Model"),
    "Log": ("neurova.telemetry.log", "Log"),
    "Request": ("starlette.requests", "Request"),
    "Secret": ("neurova.secrets.secret", "Secret"),
    "Snapshot": ("neurova.execution.snapshot", "Snapshot"),
    "Trace": ("neurova.traces.trace", "Trace"),
    "Tx": ("neurova.database.base", "Tx"),
}


def __getattr__(name: str) -> Any:
    # Import these modules on first use: they are slow to import.
    if name in _LAZY:
        from importlib import import_module

        module, attribute = _LAZY[name]
        value = getattr(import_module(module), attribute)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
