"""Parameter types that the platform provides, listed in INJECTABLES."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, NamedTuple, get_args, get_origin
from uuid import uuid4

from ..asgi.request import make_request
from ..execution.deadline import Deadline
from ..http.call import Call
from ..http.caller import ANONYMOUS
from ..http.query import Query
from ..models.base import REFERENCE_FORM, parse_model_reference
from ..resources import Resources
from ..secrets.base import parse_reference
from ..telemetry.log import Log
from ..traces.trace import TRACE
from .parameter import Read

Source = Callable[[], Any]


class Injectable(NamedTuple):
    """A kind of parameter; `make_reader` takes the function's name and resources.

    A type with a name in brackets also has `make_source`, which returns a function that returns the
    named object.
    """

    kind: str
    make_reader: Callable[[str, Resources], Read]
    make_source: Callable[[str, Resources], Source] | None = None


class Named(NamedTuple):
    """A kind of parameter whose annotation names the provided object, like `example`.

    `check` raises ValueError for a wrong name. `make_source` takes the function's name, its
    resources and the name.
    """

    kind: str
    example: str
    check: Callable[[str], object]
    make_source: Callable[[str, Resources, str], Source]


def _read_caller(call: Call, query: Query) -> Any:
    return call.caller or ANONYMOUS


def _read_deadline(call: Call, query: Query) -> Any:
    return Deadline(call.deadline)


def _read_request(call: Call, query: Query) -> Any:
    return make_request(call)


def _read_nothing(call: Call, query: Query) -> Any:
    return None


def _log_reader(function: str, resources: Resources) -> Read:
    sink = resources.log

    def read_log(call: Call, query: Query) -> Any:
        caller = call.caller
        return Log(function, caller.consumer if caller else "", call.trace_id, sink)

    return read_log


def _mail_reader(function: str, resources: Resources) -> Read:
    def read_mail(call: Call, query: Query) -> Any:
        return resources.mail(uuid4().hex)

    return read_mail


def _secret_source(function: str, resources: Resources, name: str) -> Source:
    return resources.secret(name, function)


def _model_source(function: str, resources: Resources, name: str) -> Source:
    return resources.model(name, function)


def _client_reader(function: str, resources: Resources) -> Read:
    return lambda call, query: resources.http_client()


def _read_trace(call: Call, query: Query) -> Any:
    return TRACE


def _always(read: Read) -> Callable[[str, Resources], Read]:
    return lambda function, resources: read


INJECTABLES: dict[tuple[str, str], Injectable] = {
    ("neurova.http.caller", "Caller"): Injectable("caller", _always(_read_caller)),
    ("neurova.execution.deadline", "Deadline"): Injectable("deadline", _always(_read_deadline)),
    ("neurova.mail.base", "Mail"): Injectable("mail", _mail_reader),
    ("neurova.telemetry.log", "Log"): Injectable("log", _log_reader),
    ("neurova.traces.trace", "Trace"): Injectable("trace", _always(_read_trace)),
    ("httpx", "AsyncClient"): Injectable("http client", _client_reader),
    ("starlette.requests", "Request"): Injectable("request", _always(_read_request)),
    # These readers return None: TransactionFunction and SnapshotFunction insert the argument.
    ("neurova.execution.snapshot", "Snapshot"): Injectable("snapshot", _always(_read_nothing)),
    ("neurova.database.base", "Tx"): Injectable("tx", _always(_read_nothing)),
}
"""Injectable types by module and name, because some of them are slow to import."""


NAMED: dict[tuple[str, str], Named] = {
    ("neurova.models.model", "Model"): Named(
        "model", REFERENCE_FORM, parse_model_reference, _model_source
    ),
    ("neurova.secrets.secret", "Secret"): Named(
        "secret", "stripe#token", parse_reference, _secret_source
    ),
}
"""Injectable types that need a name in brackets, by module and name."""


def injectable_of(annotation: Any) -> Injectable | None:
    """Return the injectable of an annotation, None if the platform does not provide the type.

    Raises ValueError if the type needs a name and its name is missing or wrong.
    """
    found = INJECTABLES.get(_key(annotation))
    if found is not None:
        return found
    type_, *names = get_args(annotation) if get_origin(annotation) is Annotated else (annotation,)
    named = NAMED.get(_key(type_))
    return None if named is None else _injectable(named, type_.__name__, names)


def _injectable(named: Named, type_name: str, names: list[Any]) -> Injectable:
    if len(names) != 1 or not isinstance(names[0], str):
        raise ValueError(f'{type_name} needs a name: write it like {type_name}["{named.example}"]')
    (name,) = names
    named.check(name)

    def make_source(function: str, resources: Resources) -> Source:
        return named.make_source(function, resources, name)

    def make_reader(function: str, resources: Resources) -> Read:
        source = make_source(function, resources)
        return lambda call, query: source()

    return Injectable(named.kind, make_reader, make_source)


def injectable_inside(annotation: Any) -> str:
    """Return the name of an injectable type inside `annotation`, or ""."""
    annotation = getattr(annotation, "__supertype__", annotation)
    key = _key(annotation)
    if key in INJECTABLES or key in NAMED:
        return key[1]
    return next(filter(None, map(injectable_inside, get_args(annotation))), "")


def _key(annotation: Any) -> tuple[str, str]:
    return getattr(annotation, "__module__", ""), getattr(annotation, "__qualname__", "")
