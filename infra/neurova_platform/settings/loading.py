"""Load neurova.toml, the environment and the flags of a command into one `Settings` object.

A later source wins: default, neurova.toml, `NEUROVA_<SECTION>_<KEY>`, flag.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from neurova.errors import ConfigError
from neurova.settings.settings import Settings, Value

from .fields import FIELDS, SERVICE_FIELDS, convert, field_of, is_secret
from .sources import FILE, Entry, read_environment, read_file, resolve
from .validation import find_faults

_PASSWORD = re.compile(r"(://[^/@:\s]*):[^/@\s]+@")


def find(start: Path) -> Path:
    """Return the neurova.toml of `start` or of the nearest folder above it.

    Raises ConfigError if there is none.
    """
    for folder in (start, *start.parents):
        if (folder / FILE).is_file():
            return folder / FILE
    raise ConfigError(
        f"no {FILE} in {start} or in a folder above it",
        fix="change to a project, or create one with `neurova new project NAME`",
    )


def load(
    start: Path | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    flags: Mapping[str, Any] | None = None,
) -> Settings:
    """Return the settings of the project that contains `start` (default: the working folder).

    `flags` maps dotted keys to values, None for a flag that is not set. Raises ConfigError that
    lists every fault with its place, dotted key and fix.
    """
    file = find((start or Path.cwd()).resolve())
    variables = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    faults: list[str] = []
    sources = (
        read_file(file, faults),
        read_environment(variables, faults),
        (Entry(key, value, "flag") for key, value in (flags or {}).items() if value is not None),
    )
    for source in sources:
        for key, value, origin in source:
            try:
                found = resolve(value, variables)
                is_text = found is not value or origin.startswith("environment")
                values[key] = convert(field_of(key), found, text=is_text)
                origins[key] = origin
            except ValueError as error:
                faults.append(f"{origin}: {key} {error}")
    if faults:
        raise ConfigError("\n".join(faults))
    settings = _assemble(file.parent, values, origins)
    faults = [f"{origins.get(key, FILE)}: {key} {what}" for key, what in find_faults(settings)]
    if faults:
        raise ConfigError("\n".join(faults))
    return settings


def effective(settings: Settings) -> list[Value]:
    """Return all effective settings without passwords, in the order of docs/configuration.md."""
    services = (f"services.{name}.{key}" for name in settings.services for key in SERVICE_FIELDS)
    values = []
    for key in (*FIELDS, *sorted(services)):
        value: Any = settings
        for part in key.split("."):
            value = value[part] if isinstance(value, dict) else getattr(value, part)
        if value and is_secret(key, value) and isinstance(value, str) and "://" not in value:
            value = "***"
        elif isinstance(value, str):
            value = _PASSWORD.sub(r"\1@", value)
        values.append(Value(key, value, settings.origins.get(key, "default")))
    return values


def _assemble(root: Path, values: dict[str, Any], origins: dict[str, str]) -> Settings:
    tree: dict[str, Any] = {"services": {}}
    for key in {**FIELDS, **values}:
        field = field_of(key)
        value = values.get(key, field.default)
        if field.unit == "path" and value and "://" not in value:
            value = str(root / Path(value).expanduser())
        *sections, name = key.split(".")
        branch = tree
        for section in sections:
            branch = branch.setdefault(section, {})
        branch[name] = value
    tree["project"]["name"] = tree["project"]["name"] or root.name
    return msgspec.convert({**tree, "root": root, "origins": origins}, Settings)
