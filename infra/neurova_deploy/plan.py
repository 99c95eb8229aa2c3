"""Compare the wanted resources with those in the target, without I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

import msgspec

from .project import Access

Action = Literal["create", "update", "delete"]
_SIGNS = {"create": "+", "update": "~", "delete": "-"}
_LONGEST = 60


class Difference(msgspec.Struct, frozen=True):
    """A field that differs: its dotted name, the value in the target, and the wanted value."""

    field: str
    before: Any
    after: Any

    def __str__(self) -> str:
        return f"{self.field}: {_shorten(self.before)} -> {_shorten(self.after)}"


class Change(msgspec.Struct, frozen=True):
    """One resource to create, update or delete."""

    action: Action
    key: str
    fields: tuple[Difference, ...] = ()

    def __str__(self) -> str:
        lines = [f"{_SIGNS[self.action]} {self.key}", *(f"    {each}" for each in self.fields)]
        return "\n".join(lines)


class AccessChange(msgspec.Struct, frozen=True):
    """Who may call a function before and after; "" for nobody."""

    function: str
    route: str
    before: str
    after: str

    @property
    def opens(self) -> bool:
        """Return whether the change allows a call that was refused before."""
        if not self.after or self.before == "public":
            return False
        if not self.before or self.after == "public":
            return True
        needed = set() if self.after == "any key" else set(self.after.split())
        return not needed >= (set() if self.before == "any key" else set(self.before.split()))

    def __str__(self) -> str:
        sign = "!" if self.opens else "+" if not self.before else "-"
        before, after = self.before or "nobody", self.after or "nobody"
        return f"{sign} {self.function}  {self.route}: {before} -> {after}"


class Plan(msgspec.Struct, frozen=True):
    """The changes of a deployment: changes of access, then changes of resources."""

    access: tuple[AccessChange, ...] = ()
    changes: tuple[Change, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.access or self.changes)

    def __str__(self) -> str:
        lines = ["Access:", *(f"  {each}" for each in self.access)] if self.access else []
        return "\n".join([*lines, *map(str, self.changes)])


def compare_access(before: Iterable[Access], after: Iterable[Access]) -> tuple[AccessChange, ...]:
    """Return the changes of access; changes that open a function come first."""
    old = {(each.function, each.route): each for each in before}
    new = {(each.function, each.route): each for each in after}
    found = []
    for key in {**new, **old}:
        was, now = (each[key].who if key in each else "" for each in (old, new))
        if was != now:
            found.append(AccessChange(*key, was, now))
    return tuple(sorted(found, key=lambda each: (not each.opens, each.function, each.route)))


def differences(
    before: Any, after: Any, field: str = "", *, whole: bool = False
) -> Iterator[Difference]:
    """Yield the fields of `after` whose value differs in `before`.

    Ignores fields that exist only in `before`, because they are defaults of the target, unless
    `whole` says that `after` is complete, too. Lists of different lengths are one difference.
    """
    if isinstance(after, Mapping) and isinstance(before, Mapping):
        for name in {**after, **before} if whole else after:
            inner = f"{field}.{name}" if field else name
            yield from differences(before.get(name), after.get(name), inner, whole=whole)
    elif isinstance(after, list) and isinstance(before, list) and len(after) == len(before):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from differences(old, new, f"{field}[{index}]", whole=whole)
    elif before != after:
        yield Difference(field, before, after)


def _shorten(value: Any) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
