"""Compare the wanted entities with Kong's entities, without I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

import msgspec

from .entity import Entity

ACCESS = ("public", "scopes", "environment")
# Fields whose values Kong returns in any order.
_SETS = frozenset({"methods", "tags", "protocols", "http_statuses"})


class Difference(msgspec.Struct, frozen=True):
    """One changed field: its dotted name, Kong's value and the wanted value."""

    field: str
    before: Any
    after: Any


class Change(msgspec.Struct, frozen=True):
    """One entity to create, update or delete; `fields`: the differences of an update."""

    action: Literal["create", "update", "delete"]
    entity: Entity
    fields: tuple[Difference, ...] = ()

    @property
    def changes_access(self) -> bool:
        """Return whether this change affects who may call an existing route."""
        return any(each.field.removeprefix("config.") in ACCESS for each in self.fields)

    def __str__(self) -> str:
        sign = {"create": "+", "update": "~", "delete": "-"}[self.action]
        lines = [f"{sign} {self.entity.kind[:-1]} {self.entity.label}"]
        lines += [f"    {each.field}: {each.before!r} -> {each.after!r}" for each in self.fields]
        return "\n".join(lines)


def compare(wanted: Iterable[Entity], found: Iterable[Entity]) -> tuple[Change, ...]:
    """Return the changes in the order in which to apply them.

    An entity is created after the entities that it refers to, and deleted before them. The guard
    of a service is created before the routes and deleted after them, so no route is ever served
    without the guard.
    """
    present = {each.id: each for each in found}
    changes: list[Change] = []
    kept = set()
    for entity in wanted:
        kept.add(entity.id)
        before = present.get(entity.id)
        if before is None:
            changes.append(Change("create", entity))
            continue
        fields = tuple(_differences(before.fields, entity.fields))
        if fields:
            changes.append(Change("update", entity, fields))
    changes.sort(key=lambda change: _rank(change.entity))
    deleted = [Change("delete", each) for each in present.values() if each.id not in kept]
    return (*changes, *sorted(deleted, key=lambda change: _rank(change.entity), reverse=True))


def in_reading_order(changes: Iterable[Change]) -> list[Change]:
    """Return changes in display order: changes of access first."""
    return sorted(changes, key=lambda change: not change.changes_access)


def _rank(entity: Entity) -> tuple[int, str]:
    if entity.kind == "plugins":
        rank = 5 if entity.fields.get("route") else 3
    else:
        rank = {"upstreams": 0, "targets": 1, "services": 2, "routes": 4}[entity.kind]
    return rank, entity.id


def _differences(
    before: Mapping[str, Any], after: Mapping[str, Any], prefix: str = ""
) -> Iterator[Difference]:
    for name, value in after.items():
        old = before.get(name)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            yield from _differences(old, value, f"{prefix}{name}.")
        elif _comparable(name, old) != _comparable(name, value):
            yield Difference(prefix + name, old, value)


def _comparable(name: str, value: Any) -> Any:
    if value in ([], {}):  # Lua represents both as an empty table
        return None
    return sorted(value) if name in _SETS and isinstance(value, list) else value
