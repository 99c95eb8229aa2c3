"""Parameter types that the platform provides, listed in INJECTABLES."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, get_args
from uuid import uuid4

from ..asgi.request import make_request
from ..execution.deadline import Deadline
from ..http.call import Call
from ..http.caller import ANONYMOUS
from ..http.query import Query
from ..resources import Resources
from ..telemetry.log import Log
from .parameter import Read


class Injectable(NamedTuple):
    """A kind of parameter; `make_reader` takes the function's name and resources."""

    kind: str
    make_reader: Callable[[str, Resources], Read]


def _read_caller(call: Call, query: Query) -> Any:
    return call.caller or ANONYMOUS


def _read_deadline(call: Call, query: Query) -> Any:
    return Deadline(call.deadline)


def _read_request(call: Call, query: Query) -> Any:
    return make_request(call)


def _read_nothing(call: Call, query: Query) -> Any:
    return None


def _log_reader(function: str, resources: Resources) -> Read:
    def read_log(call: Call, query: Query) -> Any:
        caller = call.caller
        return Log(function, caller.consumer if caller else "", call.trace_id)

    return read_log


def _mail_reader(function: str, resources: Resources) -> Read:
    def read_mail(call: Call, query: Query) -> Any:
        return resources.mail(uuid4().hex)

    return read_mail


def _always(read: Read) -> Callable[[str, Resources], Read]:
    return lambda function, resources: read


INJECTABLES: dict[tuple[str, str], Injectable] = {
    ("neurova.http.caller", "Caller"): Injectable("caller", _always(_read_caller)),
    ("neurova.execution.deadline", "Deadline"): Injectable("deadline", _always(_read_deadline)),
    ("neurova.mail.base", "Mail"): Injectable("mail", _mail_reader),
    ("neurova.telemetry.log", "Log"): Injectable("log", _log_reader),
    ("starlette.requests", "Request"): Injectable("request", _always(_read_request)),
    # The reader does nothing: TransactionFunction and SnapshotFunction pass these.
    ("neurova.execution.snapshot", "Snapshot"): Injectable("snapshot", _always(_read_nothing)),
    ("neurova.database.base", "Tx"): Injectable("tx", _always(_read_nothing)),
}
"""Injectable types by module and name, so that this module need not import them."""


def injectable_of(annotation: Any) -> Injectable | None:
    """Return the injectable of an annotation, None if the platform does not provide the type."""
    return INJECTABLES.get(_key(annotation))


def injectable_inside(annotation: Any) -> str:
    """Return the name of an injectable type that `annotation` contains, "" without one."""
    annotation = getattr(annotation, "__supertype__", annotation)
    key = _key(annotation)
    if key in INJECTABLES:
        return key[1]
    return next(filter(None, map(injectable_inside, get_args(annotation))), "")


def _key(annotation: Any) -> tuple[str, str]:
    return getattr(annotation, "__module__", ""), getattr(annotation, "__qualname__", "")
