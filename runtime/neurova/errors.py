"""What can be wrong before a call is ever made.

NeurovaError
├── LoadError      a function file cannot be imported, or two functions answer one route
│   └── BindError  a signature that cannot be bound
├── ConfigError    neurova.toml or the environment says something that cannot be
├── StateError     a database or state file is missing, unreadable, newer, or its disk is full
└── Unavailable    a backend does not answer now
"""

from __future__ import annotations


class NeurovaError(Exception):
    """Say what is wrong, where (file:line, setting, header) and how to fix it.

    `str()` of it is the whole message, "where: what: fix", and is shown to a person as it is.
    """

    def __init__(self, what: str = "", *, where: str = "", fix: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.fix = fix

    def __str__(self) -> str:
        return ": ".join(part for part in (self.where, self.what, self.fix) if part)


class LoadError(NeurovaError):
    """A function file that cannot be served."""


class BindError(LoadError):
    """A signature that the platform cannot bind to a request."""


class ConfigError(NeurovaError):
    """A setting that cannot be."""


class StateError(NeurovaError):
    """State on disk that cannot be used."""


class Unavailable(NeurovaError):
    """A backend that does not answer now."""
