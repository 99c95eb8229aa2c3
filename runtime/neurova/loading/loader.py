"""Load the files of a service and make their endpoints."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, TypeGuard

import msgspec

from ..endpoints.endpoint import Endpoint
from ..endpoints.factory import make_function
from ..endpoints.function import HttpFunction
from ..endpoints.mounted_app import MountedApp
from ..errors import LoadError
from ..events.event import Event, event_name, service_of
from ..execution.context import ExecutionContext
from ..functions.decorators import AppMount, description_of
from ..functions.descriptions import Http, Mount
from ..functions.schedule import Schedule
from ..functions.subscription import Subscription
from ..resources import Resources
from ..schedules.function import ScheduledFunction
from ..subscriptions.background import Definition
from ..subscriptions.function import SubscriptionFunction
from .generation import Generation
from .load_errors import import_error, join_load_errors
from .service import Service, display_path

DOMAIN = "domain"
"""The file of a service that declares its tables."""


class Declaration(NamedTuple):
    """A decorated function or a mount, and the line where a file declares it."""

    name: str
    value: Any
    description: msgspec.Struct
    line: int


class Origin(NamedTuple):
    """The source of a declaration, and the resources for its endpoint."""

    service: str
    file: str
    resources: Resources
    execution: ExecutionContext
    generation: Generation


def _function(declared: Declaration, origin: Origin) -> Endpoint:
    assert isinstance(declared.description, Http)  # _FACTORIES chooses this function for Http
    return make_function(declared.value, declared.description, *origin)


def _mounted_app(declared: Declaration, origin: Origin) -> Endpoint:
    service, file, _, execution, generation = origin
    return MountedApp(declared.value, declared.name, service, file, execution, generation)


def _subscription(declared: Declaration, origin: Origin) -> SubscriptionFunction:
    return SubscriptionFunction(_definition(declared, origin))


def _schedule(declared: Declaration, origin: Origin) -> ScheduledFunction:
    return ScheduledFunction(_definition(declared, origin))


def _definition(declared: Declaration, origin: Origin) -> Definition[Any]:
    service, file, resources, _, generation = origin
    return Definition(declared.value, declared.description, service, file, resources, generation)


Loaded = Endpoint | SubscriptionFunction | ScheduledFunction

_FACTORIES: dict[type[msgspec.Struct], Callable[[Declaration, Origin], Loaded]] = {
    Http: _function,
    Mount: _mounted_app,
    Subscription: _subscription,
    Schedule: _schedule,
}
"""The factory for each type of description."""


def load_service(
    root: Path, service: str, resources: Resources, execution: ExecutionContext
) -> Service:
    """Import `service` as a new generation and bind its functions.

    Earlier generations do not change. Raises LoadError or BindError with all faults.
    """
    root = root.absolute()
    folder = root / service
    if not folder.is_dir():
        raise LoadError(
            "no such folder",
            where=display_path(root, folder),
            fix=f"create it, with a function file, or choose one that is in {root.name}/",
        )
    try:
        generation = Generation(folder, service)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise import_error(root, folder / "__init__.py", error) from error
    functions: list[Loaded] = []
    faults: list[LoadError] = []
    for file in sorted(folder.glob("*.py")):
        if file.name.startswith("_"):
            continue
        try:
            origin = Origin(service, display_path(root, file), resources, execution, generation)
            functions += _load_file(root, file, origin)
        except LoadError as error:
            faults.append(error)
    later = [
        each
        for each in functions
        if isinstance(each, HttpFunction) and each.description.respond_async
    ]
    if later and not faults:
        from ..async_calls.running import AsyncCalls

        functions.append(AsyncCalls(service, later, resources))
    faults += _duplicate_names(functions)
    if faults:
        raise join_load_errors(faults)
    domain = generation.load(DOMAIN) if (folder / f"{DOMAIN}.py").is_file() else None
    return Service(
        service,
        tuple(each for each in functions if isinstance(each, Endpoint)),
        tuple(each for each in functions if isinstance(each, SubscriptionFunction)),
        tuple(each for each in functions if isinstance(each, ScheduledFunction)),
        domain=domain,
        events=tuple(dict.fromkeys(filter(_is_own_event, generation.values()))),
        publishes=bool(later),
    )


def _load_file(root: Path, file: Path, origin: Origin) -> list[Loaded]:
    """Load a file; return a list with its function, empty if it declares none."""
    if not file.stem.isidentifier():
        what = "the name of a file must have only letters, digits and _"
        raise LoadError(what, where=origin.file, fix="rename the file")
    try:
        module = origin.generation.load(file.stem)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise import_error(root, file, error) from error
    declared = _declarations(module)
    if len(declared) > 1:
        raise LoadError(
            f"{' and '.join(each.name for each in declared)} are in the same file",
            where=f"{origin.file}:{declared[1].line}",
            fix="write each handler into its own file",
        )
    return [_FACTORIES[type(each.description)](each, origin) for each in declared]


def _declarations(module: ModuleType) -> list[Declaration]:
    """Return the declarations of a module, except declarations imported from other files."""
    found: dict[int, Declaration] = {}
    for variable, value in vars(module).items():
        description = None if variable.startswith("__") else description_of(value)
        if description is None or value.__module__ != module.__name__:
            continue
        if isinstance(value, AppMount):
            found.setdefault(id(value), Declaration(variable, value, description, value.line))
        else:
            name = getattr(value, "__name__", variable)
            line = getattr(getattr(value, "__code__", None), "co_firstlineno", 1)
            found[id(value)] = Declaration(name, value, description, line)
    return list(found.values())


def _is_own_event(value: object) -> TypeGuard[type[Event]]:
    if not isinstance(value, type) or not issubclass(value, Event) or value is Event:
        return False
    return event_name(value).startswith(f"{service_of(value.__module__)}.")


def _duplicate_names(functions: list[Loaded]) -> list[LoadError]:
    by_name: dict[str, Loaded] = {}
    return [
        LoadError(
            f"{function.name} is also in {first.file}:{first.line}",
            where=f"{function.file}:{function.line}",
            fix="rename one of the functions",
        )
        for function in functions
        if (first := by_name.setdefault(function.name, function)) is not function
    ]
