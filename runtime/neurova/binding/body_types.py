"""Inspect the types in a body, and find the types that endanger other calls."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import NODEFAULT, inspect

from .parameter import is_mutable

# Python hashes an int or UUID modulo this number. So a caller can send many keys with the same
# hash, and a dict needs quadratic time for them. Callers cannot predict the hash of a str.
_HASH_PERIOD = 2**61 - 1
_HASH_SAFE = (
    inspect.StrType,
    inspect.BytesType,
    inspect.DateType,
    inspect.DateTimeType,
    inspect.TimeType,
    inspect.TimeDeltaType,
    inspect.EnumType,
    inspect.LiteralType,
    inspect.BoolType,
    inspect.NoneType,
)
_RECORDS = (
    inspect.StructType,
    inspect.DataclassType,
    inspect.TypedDictType,
    inspect.NamedTupleType,
)


def parts_of(kind: object) -> list[inspect.Type]:
    """Return a type and all types inside it. Raises TypeError if one cannot be decoded."""
    parts = [inspect.type_info(kind)]
    known = {id(parts[0])}
    for part in parts:
        inner = [each for each in _inside(part) if id(each) not in known]
        known.update(map(id, inner))
        parts += inner
    return parts


def _inside(part: inspect.Type) -> Iterable[inspect.Type]:
    if isinstance(part, _RECORDS):
        return [field.type for field in part.fields]
    if isinstance(part, inspect.UnionType):
        return part.types
    if isinstance(part, inspect.TupleType):
        return part.item_types
    if isinstance(part, inspect.CollectionType):
        return [part.item_type]
    if isinstance(part, inspect.DictType):
        return [part.key_type, part.value_type]
    if isinstance(part, inspect.CustomType):
        raise TypeError(f"{part.cls!r} is not supported")
    return [part.type] if isinstance(part, inspect.Metadata) else []


def find_danger(parts: Iterable[inspect.Type]) -> tuple[str, str] | None:
    """Return the problem and the fix for the first type that endangers other calls."""
    for part in parts:
        if isinstance(part, inspect.DictType):
            if not isinstance(part.key_type, inspect.AnyType) and not _is_hash_safe(part.key_type):
                return _collisions("key of a dict", part.key_type, "write `dict[str, …]`")
        elif isinstance(part, inspect.SetType | inspect.FrozenSetType):
            if not _is_hash_safe(part.item_type):
                return _collisions("element of a set", part.item_type, "write `list[…]`")
        elif isinstance(part, _RECORDS):
            for field in part.fields:
                if field.default is not NODEFAULT and is_mutable(field.default):
                    name = f"{part.cls.__name__}.{field.name}"
                    return f"all calls share the default of {name}", "write a `default_factory`"
    return None


def _is_hash_safe(part: inspect.Type) -> bool:
    """Return whether callers cannot choose many values of this type with the same hash."""
    if isinstance(part, inspect.Metadata):
        return _is_hash_safe(part.type)
    if isinstance(part, inspect.UnionType):
        return all(map(_is_hash_safe, part.types))
    if isinstance(part, inspect.IntType):
        low, high = part.ge, part.le
        return low is not None and high is not None and -_HASH_PERIOD < low <= high < _HASH_PERIOD
    return isinstance(part, _HASH_SAFE)


def _collisions(place: str, part: inspect.Type, fix: str) -> tuple[str, str]:
    name = type(part).__name__.removesuffix("Type").lower()
    what = f"callers can choose many values of type {name} with one hash for a {place}"
    return what, f"{fix}, or bound an int: `Annotated[int, Meta(ge=0, le=9999)]`"
