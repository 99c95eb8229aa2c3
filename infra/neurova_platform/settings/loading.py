"""Load neurova.toml, the environment and the flags of a command into one `Settings` object.

A later source wins: default, neurova.toml, `NEUROVA_<SECTION>_<KEY>`, flag.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from neurova.errors import ConfigError
from neurova.secrets.base import Reference, SecretVersion, UnknownSecret, find_value
from neurova.settings.secrets import find_secrets_faults
from neurova.settings.settings import Settings, Value
from neurova.telemetry.redact import add_secret

from ..composition.backends import read_secrets
from .fields import FIELDS, NAMED_FIELDS, convert, field_of, is_secret
from .sources import FILE, Entry, read_environment, read_file, reference_of, resolve
from .validation import find_faults

ReadSecrets = Callable[[Settings, Iterable[str]], Mapping[str, SecretVersion]]
"""Return the secrets with these names; if a secret is omitted, its settings keep their defaults."""
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
    secrets: ReadSecrets = read_secrets,
) -> Settings:
    """Return the settings of the project that contains `start` (default: the working folder).

    `flags` maps dotted keys to values; None means that the flag is not set. `secrets` reads the
    secrets that settings refer to. Raises ConfigError, which lists every fault with its place,
    dotted key and fix, and Unavailable or StateError if the secrets cannot be read.
    """
    file = find((start or Path.cwd()).resolve())
    variables = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    references: dict[str, Reference] = {}
    faults: list[str] = []
    sources = (
        read_file(file, faults),
        read_environment(variables, faults),
        (Entry(key, value, "flag") for key, value in (flags or {}).items() if value is not None),
    )
    for source in sources:
        for key, value, origin in source:
            try:
                origins[key] = origin
                reference = reference_of(key, value)
                if reference is not None:
                    references[key] = reference
                    continue
                references.pop(key, None)
                found = resolve(value, variables)
                is_text = found is not value or origin.startswith("environment")
                values[key] = convert(field_of(key), found, text=is_text)
                if is_text and is_secret(key, found):
                    add_secret(found)
            except ValueError as error:
                faults.append(f"{origin}: {key} {error}")
    if faults:
        raise ConfigError("\n".join(faults))
    settings = _assemble(file.parent, values, origins)
    if references:
        values |= _read_references(settings, references, secrets)
        names = {key: str(reference) for key, reference in references.items()}
        settings = _assemble(file.parent, values, origins, names)
    faults = [f"{origins.get(key, FILE)}: {key} {what}" for key, what in find_faults(settings)]
    if faults:
        raise ConfigError("\n".join(faults))
    return settings


def without_secrets(_settings: Settings, _names: Iterable[str]) -> Mapping[str, SecretVersion]:
    """Return no secrets, for commands that must work before the secrets are set."""
    return {}


def _read_references(
    settings: Settings, references: Mapping[str, Reference], secrets: ReadSecrets
) -> dict[str, str]:
    """Return the values of the settings that refer to secrets."""
    faults = [
        f"{settings.origins.get(f'secrets.{key}', FILE)}: secrets.{key} {what}"
        for key, what in find_secrets_faults(settings.secrets)
    ]
    if faults:
        raise ConfigError("\n".join(faults))
    found = secrets(settings, {reference.name for reference in references.values()})
    values = {}
    for key, reference in references.items():
        try:
            if reference.name in found:
                values[key] = find_value(found[reference.name], reference)
        except UnknownSecret as error:
            faults.append(f"{settings.origins[key]}: {key}: {error}")
    if faults:
        raise UnknownSecret("\n".join(faults))
    return values


def effective(settings: Settings) -> list[Value]:
    """Return all effective settings without passwords, in the order of docs/configuration.md."""
    named = (
        f"{section}.{name}.{key}"
        for section, fields in NAMED_FIELDS.items()
        for name in getattr(settings, section)
        for key in fields
    )
    values = []
    for key in (*FIELDS, *sorted(named)):
        value: Any = settings
        for part in key.split("."):
            value = value[part] if isinstance(value, dict) else getattr(value, part)
        is_plain = isinstance(value, str) and bool(value) and "://" not in value
        if key in settings.references or (is_plain and is_secret(key, value)):
            value = "***"
        elif isinstance(value, str):
            value = _PASSWORD.sub(r"\1@", value)
        origin = settings.origins.get(key, "default")
        if key in settings.references:
            origin += f", secret {settings.references[key]}"
        values.append(Value(key, value, origin))
    return values


def _assemble(
    root: Path,
    values: dict[str, Any],
    origins: dict[str, str],
    references: dict[str, str] | None = None,
) -> Settings:
    tree: dict[str, Any] = {section: {} for section in NAMED_FIELDS}
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
    rest = {"root": root, "origins": origins, "references": references or {}}
    return msgspec.convert({**tree, **rest}, Settings)
