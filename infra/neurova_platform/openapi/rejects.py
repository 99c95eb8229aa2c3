"""Parse the source code of a function to find the errors that it raises."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from inspect import getsource, unwrap
from tokenize import TokenError
from types import FunctionType
from typing import Any

from neurova.http.problem import Reject


def find_rejects(handler: Any) -> dict[int, tuple[str, ...]]:
    """Return the status and the texts of each `Reject(404, "…")` in a handler's source code.

    Also reads the service's functions and methods whose names appear in the handler. Omits computed
    statuses and texts.
    """
    found: dict[int, dict[str, None]] = {}
    for node, names in _reachable_nodes(unwrap(handler)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if names.get(node.func.id) is not Reject:
                continue
            status, detail = _argument(node, 0, "status"), _argument(node, 1, "detail")
            if type(status) is int and 400 <= status <= 599:
                texts = found.setdefault(status, {})
                if isinstance(detail, str) and detail:
                    texts[detail] = None
    return {status: tuple(found[status]) for status in sorted(found)}


def _argument(call: ast.Call, position: int, name: str) -> object:
    """Return the literal value of an argument, None if it is computed or missing."""
    arguments = {keyword.arg: keyword.value for keyword in call.keywords}
    if name == "detail" and "errors" in arguments:
        return None  # `errors` already describe the problem
    node = call.args[position] if position < len(call.args) else arguments.get(name)
    return node.value if isinstance(node, ast.Constant) else None


def _reachable_nodes(handler: FunctionType) -> Iterator[tuple[ast.AST, Mapping[str, Any]]]:
    """Yield the AST nodes, with globals, of a handler and of the service functions it names."""
    package = handler.__module__.rpartition(".")[0] or handler.__module__
    pending, found = [handler], {handler}
    names: set[str] = set()
    classes: dict[type, None] = {}
    while pending:
        function = pending.pop()
        named: list[FunctionType] = []
        for node in _nodes(function):
            yield node, function.__globals__
            name = getattr(node, "id", None) or getattr(node, "attr", None)
            if not isinstance(name, str):
                continue
            names.add(name)
            value = function.__globals__.get(name)
            value = unwrap(value) if callable(value) else value
            if not str(getattr(value, "__module__", "")).startswith(package):
                continue
            if isinstance(value, type):
                classes[value] = None
            elif isinstance(value, FunctionType):
                named.append(value)
        for other in (*named, *_methods(classes, names)):
            if other not in found:
                found.add(other)
                pending.append(other)


def _methods(classes: dict[type, None], names: set[str]) -> Iterator[FunctionType]:
    for kind in classes:
        for name in sorted(names & vars(kind).keys()):
            method = vars(kind)[name]
            method = method.__func__ if isinstance(method, classmethod | staticmethod) else method
            if isinstance(method, FunctionType):
                yield method


def _nodes(function: FunctionType) -> Iterator[ast.AST]:
    """Yield the AST nodes of a function's body in source order; none if its source is missing."""
    try:
        source = getsource(function)
        # Wrap an indented method in a block, because it cannot be parsed alone.
        block = ast.parse(f"if True:\n{source}" if source[:1].isspace() else source).body[0]
    except (OSError, SyntaxError, TokenError):
        return
    definition = block.body[0] if isinstance(block, ast.If) else block
    # If the file was edited after the import, the source lines may belong to another function.
    if getattr(definition, "name", "") == function.__name__:
        for statement in getattr(definition, "body", ()):
            yield from _in_order(statement)


def _in_order(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _in_order(child)
