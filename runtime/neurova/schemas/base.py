"""The interface of a schema registry, and the errors of its backends.

A subject holds the versions of one schema. The subject of an event is `<service>.<Event>-value`.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, Protocol, get_args

from ..errors import NeurovaError, StateError

Level = Literal[
    "NONE",
    "BACKWARD",
    "BACKWARD_TRANSITIVE",
    "FORWARD",
    "FORWARD_TRANSITIVE",
    "FULL",
    "FULL_TRANSITIVE",
]
"""How a new version must fit the latest one, or with _TRANSITIVE all earlier ones."""
LEVELS: tuple[Level, ...] = get_args(Level)


class UnknownSchema(NeurovaError):
    """There is no such subject, version or schema."""


class InvalidSchema(NeurovaError):
    """A text is not a valid Avro schema."""


class IncompatibleSchema(StateError):
    """A schema breaks an earlier version of its subject."""


class Reference(NamedTuple):
    """The name of a type that a schema uses, and the version that defines it."""

    name: str
    subject: str
    version: int


class Version(NamedTuple):
    """One version of a subject."""

    subject: str
    version: int
    id: int
    schema: str
    references: tuple[Reference, ...] = ()


class SchemaRegistry(Protocol):
    """Schemas by id, and by subject and version.

    Methods block and may run in any thread. They raise Unavailable or StateError if the registry
    cannot be used.
    """

    def register(self, subject: str, schema: str, references: tuple[Reference, ...] = ()) -> int:
        """Register a schema under a subject and return its id; add a version if it is new.

        Raises InvalidSchema, IncompatibleSchema, and UnknownSchema if a reference does not exist.
        """
        ...

    def find(self, id: int) -> str:
        """Return the schema (JSON) with this id. Raises UnknownSchema."""
        ...

    def subjects(self) -> list[str]:
        """Return the subjects, sorted."""
        ...

    def versions(self, subject: str) -> list[Version]:
        """Return the versions of a subject, oldest first; none if it does not exist."""
        ...

    def level(self, subject: str) -> Level:
        """Return the compatibility level of a subject."""
        ...

    def set_level(self, subject: str, level: Level | None) -> None:
        """Set the compatibility level of a subject; None: use the default."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...


def subject_of(event: str) -> str:
    """Return the subject of an event, as Confluent's TopicNameStrategy names it."""
    return f"{event}-value"
