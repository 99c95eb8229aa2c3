"""Write entities as Kong's declarative configuration, merged with the entities of others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from neurova.errors import StateError

from .entity import KINDS, Entity

_VERSION = "3.0"
_REFERENCES = ("service", "route", "upstream")


def render_document(
    entities: Iterable[Entity], *, others: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the configuration as one document.

    `others` is a document that Kong exported; its entities are kept. Unset fields are left out, so
    Kong uses its defaults.
    """
    # An export contains hashed credentials. Its field `_transform: false`, which is kept, tells
    # Kong not to hash them again.
    document: dict[str, Any] = {"_format_version": _VERSION} | dict(others or {})
    own: dict[str, list[dict[str, Any]]] = {}
    for entity in entities:
        own.setdefault(entity.kind, []).append({"id": entity.id, **_flat(entity.fields)})
    for kind in KINDS:
        if kind in own:
            document[kind] = [*document.get(kind, ()), *own[kind]]
    return document


def without_owner(document: Mapping[str, Any], tag: str) -> dict[str, Any]:
    """Return an exported document without the entities tagged with `tag`."""
    kept: dict[str, Any] = {}
    for name, value in document.items():
        if not isinstance(value, list):
            kept[name] = value
            continue
        others = [each for each in value if tag not in (each.get("tags") or ())]
        if others:
            kept[name] = others
    return kept


def write_yaml(document: Mapping[str, Any]) -> str:
    """Return a document as YAML; Lua code is written as literal blocks."""
    import yaml

    class Dumper(yaml.SafeDumper):  # type: ignore[misc]  # its base has no type
        def ignore_aliases(self, _: object) -> bool:
            return True

    def write_text(dumper: Any, text: str) -> Any:
        style = "|" if "\n" in text else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)

    Dumper.add_representer(str, write_text)
    written: str = yaml.dump(document, Dumper=Dumper, sort_keys=False, width=1000)
    return written


def read_yaml(text: str, where: str) -> dict[str, Any]:
    """Return a document that Kong exported. Raises StateError if it is not valid."""
    import yaml

    try:
        document = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - a safe loader
    except yaml.YAMLError:
        document = None
    if not isinstance(document, dict):
        raise StateError("Kong's configuration cannot be read as YAML", where=where)
    return document


def _flat(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the set fields, with each reference replaced by an id or a name."""
    flat = without_unset(fields)
    for name in _REFERENCES:
        if name in flat:
            flat[name] = flat[name].get("id") or flat[name]["name"]
    return flat


def without_unset(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields without None values, at all levels."""
    return {
        name: without_unset(each) if isinstance(each, dict) else each
        for name, each in value.items()
        if each is not None
    }
