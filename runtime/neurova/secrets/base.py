"""The interface of a store of secrets, and the errors of its backends.

A secret has a name and fields: `stripe#token` is the field `token` of the secret `stripe`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from ..errors import StateError
from ..telemetry import redact

_NAME = re.compile(r"[\w.-]+(/[\w.-]+)*", re.ASCII)
_FIELD = re.compile(r"[\w.-]+", re.ASCII)


class UnknownSecret(StateError):
    """A secret, or a field of it, is not set."""


class SecretChanged(StateError):
    """A secret has another version than the writer expected."""


class SecretsRefused(StateError):
    """The store refuses this process because of its token, policy, key or certificate."""


class Reference(NamedTuple):
    """The name of a field of a secret; its text is `NAME#FIELD`."""

    name: str
    field: str

    def __str__(self) -> str:
        return f"{self.name}#{self.field}"


def parse_reference(text: str) -> Reference:
    """Parse `NAME#FIELD`. Raises ValueError for any other text."""
    name, _, field = text.partition("#")
    if not _NAME.fullmatch(name) or not _FIELD.fullmatch(field) or {".", ".."} & {*name.split("/")}:
        raise ValueError(f"{text!r} is not a secret reference: write NAME#FIELD, like stripe#token")
    return Reference(name, field)


@dataclass(frozen=True, slots=True, repr=False)
class SecretVersion:
    """One version of a secret; its `repr` shows no value.

    `number` is 1 for the first version, and 0 for a secret that does not exist, which has no
    fields.
    """

    number: int
    fields: Mapping[str, str]

    def __repr__(self) -> str:
        return f"<SecretVersion {self.number}: {', '.join(self.fields) or 'no fields'}>"


NO_SECRET = SecretVersion(0, {})


class SecretStore(Protocol):
    """Store secrets. Threads may share it; each method may wait for a server.

    Raises Unavailable when the store does not respond now, and SecretsRefused when it refuses this
    process.
    """

    def read(self, name: str) -> SecretVersion:
        """Return the latest version of a secret, NO_SECRET if it does not exist."""
        ...

    def write(self, name: str, fields: Mapping[str, str], expected: int | None = None) -> int:
        """Set some fields of a secret, keep the others, and return the number of the new version.

        Raises SecretChanged if `expected` is given and is not the number of the latest version.
        """
        ...

    def names(self) -> list[str]:
        """Return the names of all secrets, sorted."""
        ...

    def close(self) -> None:
        """Release the connection to the store."""
        ...


def read_value(store: SecretStore, reference: Reference) -> str:
    """Return the value of a field. Raises UnknownSecret, which names the command to set it."""
    return find_value(store.read(reference.name), reference)


def find_value(secret: SecretVersion, reference: Reference) -> str:
    """Return the value of a field and mask it in all later output. Raises UnknownSecret."""
    value = secret.fields.get(reference.field)
    if value is not None:
        register_secret(value)
        return value
    if not secret.fields:
        what = f"secret {reference} is not set"
    else:
        has = f"it has {', '.join(sorted(secret.fields))}"
        what = f"secret {reference.name} has no field {reference.field}, {has}"
    raise UnknownSecret(what, fix=f"run `neurova secrets set {reference}`")


def group_fields(values: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Group values by secret: {"a#b": "x"} becomes {"a": {"b": "x"}}. Raises ValueError."""
    grouped: dict[str, dict[str, str]] = {}
    for text, value in values.items():
        name, field = parse_reference(text)
        grouped.setdefault(name, {})[field] = value
    return grouped


def register_secret(value: str) -> None:
    """Mask a value from now on in logs, errors and command output."""
    redact.add_secret(value)
