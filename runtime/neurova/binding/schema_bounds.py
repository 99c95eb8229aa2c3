"""Rewrite schemas and values so that validation takes bounded time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

MAX_VALUES = 2_000
MAX_DEPTH = 64
_UNION = frozenset({"anyOf", "discriminator"})
Path = tuple[str | int, ...]


def choose_by_tag(schema: Any) -> Any:
    """Return `schema` with each tagged union rewritten to choose its branch by the tag.

    Trying every branch of nested unions takes exponential time.
    """
    if isinstance(schema, list):
        return [choose_by_tag(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "discriminator" in schema and "anyOf" in schema:
        rest = {key: choose_by_tag(part) for key, part in schema.items() if key not in _UNION}
        return rest | _conditions(schema["discriminator"], schema["anyOf"])
    return {key: choose_by_tag(part) for key, part in schema.items()}


def _conditions(discriminator: dict[str, Any], branches: list[Any]) -> dict[str, Any]:
    name, mapping = discriminator["propertyName"], discriminator["mapping"]
    tags = {reference: tag for tag, reference in mapping.items()}
    return {
        "type": "object",
        "required": [name],
        "properties": {name: {"enum": list(mapping)}},
        "allOf": [
            {
                "if": {"properties": {name: {"enum": [tags[branch["$ref"]]]}}, "required": [name]},
                "then": choose_by_tag(branch),
            }
            for branch in branches
        ],
    }


def is_ambiguous(schema: dict[str, Any]) -> bool:
    """Return whether a union has two object branches or two array branches.

    Validating such unions when nested takes exponential time.
    """
    definitions = schema.get("$defs", {})

    def resolve(branch: Any) -> Any:
        return definitions.get(branch.get("$ref", "").removeprefix("#/$defs/"), branch)

    def search(part: Any) -> bool:
        if isinstance(part, list):
            return any(search(item) for item in part)
        if not isinstance(part, dict):
            return False
        if isinstance(part.get("anyOf"), list):
            types = [
                branch.get("type", "")
                for branch in map(resolve, part["anyOf"])
                if branch.get("type") in ("object", "array") or _UNION & branch.keys()
            ]
            if len(types) != len(set(types)):
                return True
        return any(search(item) for item in part.values())

    return search(schema)


def most_required(schema: Any) -> int:
    """Return the largest number of required fields that one empty object can lack."""
    if isinstance(schema, list):
        return max(map(most_required, schema), default=1)
    if not isinstance(schema, dict):
        return 1
    required = schema.get("required")
    own = len(required) if isinstance(required, list) else 1
    return max(own, max(map(most_required, schema.values()), default=1))


def truncate(value: Any, required: int) -> tuple[Any, frozenset[Path]]:
    """Return a copy of at most MAX_VALUES values and MAX_DEPTH levels, and the truncated paths.

    An object counts as at least `required` values, because it may have that many faults. The
    value is copied breadth-first; one large part may use half of the remaining budget.
    """
    if not isinstance(value, dict | list):
        return value, frozenset()
    left = MAX_VALUES
    truncated: set[Path] = set()
    root: Any = type(value)()
    queue: deque[tuple[Path, Any, Any]] = deque([((), value, root)])
    while queue:
        path, source, copy = queue.popleft()
        members: Iterable[tuple[Any, Any]] = (
            source.items() if isinstance(source, dict) else enumerate(source)
        )
        left -= max(1, required - len(source)) if isinstance(source, dict) else 1
        reserve = min(left // 2, left - 64)
        for key, member in members:
            if left <= max(reserve, 0) or len(path) >= MAX_DEPTH:
                truncated.add(path)
                break
            left -= 1
            nested = isinstance(member, dict | list)
            copied = type(member)() if nested else member
            if isinstance(source, dict):
                copy[key] = copied
            else:
                copy.append(copied)
            if nested:
                queue.append(((*path, key), member, copied))
    return root, frozenset(truncated)
