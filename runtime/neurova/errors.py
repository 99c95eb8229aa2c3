"""The errors that the platform shows to people.

NeurovaError
├── LoadError      a function file cannot be served, or two functions have the same route
│   └── BindError  a signature cannot be bound to a request
├── ConfigError    neurova.toml or the environment has a wrong value
├── StateError     a database or state file is missing, damaged or newer, or the disk is full
└── Unavailable    a backend does not respond now

Ports may add subclasses; database/base.py has examples.
"""

from __future__ import annotations

from .telemetry.redact import mask_secrets


class NeurovaError(Exception):
    """State what is wrong, where (file:line, setting, header) and how to fix it.

    `str()` returns "where: what: fix". Code should use the three attributes instead of parsing
    that text. Secrets in them are masked.
    """

    def __init__(self, what: str = "", *, where: str = "", fix: str = "") -> None:
        self.what, self.where, self.fix = map(mask_secrets, (what, where, fix))
        super().__init__(self.what)

    def __str__(self) -> str:
        return ": ".join(part for part in (self.where, self.what, self.fix) if part)


class LoadError(NeurovaError):
    """A function file cannot be served."""


class BindError(LoadError):
    """A signature cannot be bound to a request."""


class ConfigError(NeurovaError):
    """A setting has a wrong value."""


class StateError(NeurovaError):
    """A database or state file cannot be used."""


class Unavailable(NeurovaError):
    """A backend does not respond now."""
