"""The sources of setting values: neurova.toml and environment variables."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from neurova.errors import ConfigError
from neurova.secrets.base import Reference, parse_reference

from .fields import (
    FIELDS,
    NAMED_FIELDS,
    field_of,
    holds_text,
    is_secret,
    nearest,
    nearest_variable,
)

FILE = "neurova.toml"
RESERVED = ("NEUROVA_KEY",)
"""`NEUROVA_…` variables that are not settings: `neurova call` reads its key from NEUROVA_KEY."""
RESERVED_PREFIXES = ("NEUROVA_TEST_",)
VARIABLE, SECRET = "env", "secret"
"""The keys of references: `{env = "NAME"}` to a variable, `{secret = "db#url"}` to a secret."""
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_NAMED_VARIABLES = {
    section: re.compile(
        rf"NEUROVA_{section.upper()}_([A-Z0-9_]+)_({'|'.join(fields).upper()})",
    )
    for section, fields in NAMED_FIELDS.items()
}


class Entry(NamedTuple):
    """One unconverted value; `origin` names its line, variable or flag."""

    key: str
    value: Any
    origin: str


def read_file(file: Path, faults: list[str]) -> Iterator[Entry]:
    """Yield the entries of neurova.toml; report unknown keys and plain-text secrets in `faults`.

    Raises ConfigError if the file is not valid TOML.
    """
    try:
        text = file.read_text("utf-8")
        document = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"cannot be read as TOML: {error}", where=str(file)) from None
    for key, value in _flatten(document):
        line = find_line(text, key)
        origin = f"{FILE}:{line}" if line else FILE
        if is_secret(key, value):
            faults.append(f"{origin}: {key} looks like a secret: {_secret_fix(key)}")
        elif key in FIELDS or _is_named_key(key):
            yield Entry(key, value, origin)
        elif not (value == {} and _is_section(key)):
            faults.append(f"{origin}: {key} is unknown: {_suggest(key)}")


def read_environment(environ: Mapping[str, str], faults: list[str]) -> Iterator[Entry]:
    """Yield the entries of `NEUROVA_…` variables; report unknown variables in `faults`."""
    variables = {field.variable: key for key, field in FIELDS.items()}
    for name in sorted(environ):
        if not name.startswith("NEUROVA_"):
            continue
        if name in RESERVED or name.startswith(RESERVED_PREFIXES):
            continue
        key = variables.get(name) or _named_key(name)
        if key:
            yield Entry(key, environ[name], f"environment {name}")
        else:
            meant = nearest_variable(name, variables)
            hint = f"did you mean {meant}?" if meant else "unset it (see docs/configuration.md)"
            faults.append(f"environment {name}: unknown variable: {hint}")


def resolve(value: Any, environ: Mapping[str, str]) -> Any:
    """Replace `{env = "NAME"}` by the value of this variable; return other values unchanged.

    Raises ValueError if the variable is not set.
    """
    if not _is_table(value, VARIABLE):
        return value
    name = str(value[VARIABLE])
    if name not in environ:
        raise ValueError(f"needs the environment variable {name}: set it")
    return environ[name]


def reference_of(key: str, value: Any) -> Reference | None:
    """Return the reference in `{secret = "NAME#FIELD"}`, None for any other value.

    Raises ValueError if the reference is malformed, or if the setting cannot be a secret.
    """
    if not _is_table(value, SECRET):
        return None
    if key.startswith(("project.", "secrets.")) or not holds_text(field_of(key)):
        raise ValueError('cannot be a secret: write its value, or { env = "NAME" }')
    return parse_reference(str(value[SECRET]))


def _is_table(value: Any, key: str) -> bool:
    return isinstance(value, dict) and list(value) == [key]


def _secret_fix(key: str) -> str:
    """Return the fix for a setting that contains a plain-text secret."""
    *sections, name = key.split(".")
    if sections and sections[0] == "secrets":
        variable = "VAULT_" + name.upper() if name != "key" else FIELDS[key].variable
        return f'{FILE} is copied and committed, write {name} = {{ env = "{variable}" }}'
    reference = f"{sections[-1] if sections else name}#{name}"
    return (
        f"{FILE} is copied and committed, run `neurova secrets set {reference}` with a new value "
        f'and write {name} = {{ secret = "{reference}" }}'
    )


def find_line(text: str, key: str) -> int:
    """Return the line number at which a TOML text sets a dotted key, 0 if it does not."""
    section = ""
    for number, line in enumerate(text.splitlines(), 1):
        bare = re.sub(r"[\s\"']", "", line.partition("#")[0])
        if bare.startswith("[") and "=" not in bare:
            section = bare.strip("[]") + "."
            if key == section[:-1]:
                return number
        elif "=" in bare:
            dotted = section + bare.partition("=")[0]
            if key == dotted or key.startswith(dotted + "."):
                return number
    return 0


def _flatten(document: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in document.items():
        is_reference = _is_table(value, VARIABLE) or _is_table(value, SECRET)
        if isinstance(value, dict) and value and not is_reference and prefix + name not in FIELDS:
            yield from _flatten(value, prefix + name + ".")
        else:
            yield prefix + name, value


def _is_section(key: str) -> bool:
    if key.partition(".")[0] in NAMED_FIELDS:
        return True
    return any(known.startswith(key + ".") for known in FIELDS)


def _is_named_key(key: str) -> bool:
    parts = key.split(".")
    is_field = len(parts) == 3 and parts[2] in NAMED_FIELDS.get(parts[0], ())
    return is_field and _NAME.fullmatch(parts[1]) is not None


def _named_key(variable: str) -> str:
    for section, pattern in _NAMED_VARIABLES.items():
        if found := pattern.fullmatch(variable):
            return f"{section}.{found[1].lower()}.{found[2].lower()}"
    return ""


def _suggest(key: str) -> str:
    known = list(FIELDS)
    head = key.partition(".")[0]
    if head in NAMED_FIELDS and "." in key:
        known = [f"{head}.{key.split('.')[1].lower()}.{name}" for name in NAMED_FIELDS[head]]
    children = _keys_of(key)
    if children:
        return f"this is a section, write [{key}] with {', '.join(children)}"
    meant = nearest(key, known)
    if meant:
        return f"did you mean {meant}?"
    section = key.rpartition(".")[0]
    siblings = _keys_of(section)
    if siblings:
        return f"[{section}] has {', '.join(siblings)}"
    sections = dict.fromkeys(name.rpartition(".")[0] for name in FIELDS)
    named = (f"{section}.<name>" for section in NAMED_FIELDS)
    return f"the sections are {', '.join((*sections, *named))}"


def _keys_of(section: str) -> list[str]:
    return [name.rpartition(".")[2] for name in FIELDS if name.rpartition(".")[0] == section]
