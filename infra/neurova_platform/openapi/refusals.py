"""Which refusals a function raises, as far as its code shows."""

from __future__ import annotations

import dis
from collections.abc import Iterator
from inspect import unwrap
from types import CodeType, FunctionType
from typing import Any

from neurova.http.problem import Reject

_METHODS = (classmethod, staticmethod)


def refusals(handler: Any) -> dict[int, tuple[str, ...]]:
    """Return the statuses of the `Reject`s in a handler's code, each with what is said there.

    Followed are the functions and the methods of its own service that it names. A status that is
    computed is not found, and a text only when it is written out.
    """
    found: dict[int, dict[str, None]] = {}
    for code, names in _reached(unwrap(handler)):
        for status, says in _raised(code, names):
            found.setdefault(status, {})
            if says:
                found[status][says] = None
    return {status: tuple(found[status]) for status in sorted(found)}


def _reached(handler: FunctionType) -> Iterator[tuple[CodeType, dict[str, Any]]]:
    """Yield the code of a handler and of what it may call in its service, with its globals."""
    package = handler.__module__.rpartition(".")[0] or handler.__module__
    todo, seen = [handler], {handler}
    named: set[str] = set()
    classes: dict[type, None] = {}
    while todo:
        function = todo.pop()
        for code in _codes(function.__code__):
            yield code, function.__globals__
            named.update(code.co_names)
            for value in map(function.__globals__.get, code.co_names):
                value = unwrap(value) if callable(value) else value
                if not str(getattr(value, "__module__", "")).startswith(package):
                    continue
                if isinstance(value, type):
                    classes[value] = None
                elif isinstance(value, FunctionType) and value not in seen:
                    seen.add(value)
                    todo.append(value)
        for method in _methods(classes, named):
            if method not in seen:
                seen.add(method)
                todo.append(method)


def _methods(classes: dict[type, None], named: set[str]) -> Iterator[FunctionType]:
    for kind in classes:
        for name in sorted(named & vars(kind).keys()):
            method = vars(kind)[name]
            method = method.__func__ if isinstance(method, _METHODS) else method
            if isinstance(method, FunctionType):
                yield method


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _raised(code: CodeType, names: dict[str, Any]) -> Iterator[tuple[int, str]]:
    """Yield status and text of each `Reject(404, "…")` in one piece of code."""
    wanted = {name for name in code.co_names if names.get(name) is Reject}
    if not wanted:
        return
    steps = [step for step in dis.get_instructions(code) if step.opname not in _IDLE]
    for step, status, says in zip(steps, steps[1:], steps[2:], strict=False):
        if step.opname == "LOAD_GLOBAL" and step.argval in wanted and _refuses(status.argval):
            ended = isinstance(says.argval, str) and says.opname == "LOAD_CONST"
            yield status.argval, says.argval if ended and _whole(steps, says) else ""


_IDLE = frozenset({"PUSH_NULL", "PRECALL", "CACHE", "EXTENDED_ARG", "RESUME"})


def _refuses(status: object) -> bool:
    return type(status) is int and 400 <= status <= 599


def _whole(steps: list[dis.Instruction], says: dis.Instruction) -> bool:
    """Tell whether a text stands by itself, and is no part of a longer one."""
    following = steps[steps.index(says) + 1 : steps.index(says) + 2]
    return bool(following) and following[0].opname.startswith(("CALL", "KW_NAMES"))
