"""The contract of schema registries: the embedded one, its REST API, and Apicurio."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from tests.contracts.registries import PARAMETERS, opened

from neurova.schemas.base import (
    LEVELS,
    IncompatibleSchema,
    InvalidSchema,
    Reference,
    SchemaRegistry,
    UnknownSchema,
)


@pytest.fixture(params=PARAMETERS)
def registry(request: pytest.FixtureRequest) -> Iterator[SchemaRegistry]:
    with opened(request) as found:
        yield found


@pytest.fixture
def subject() -> str:
    """Return a subject name that no other test uses."""
    return f"hotel.Sold{uuid4().hex}-value"


def record(name: str = "Sold", **fields: Any) -> str:
    """Return a record of int fields; a value other than None becomes the field's default."""
    made = [
        {"name": key, "type": "int", **({} if default is None else {"default": default})}
        for key, default in fields.items()
    ]
    return json.dumps({"type": "record", "name": name, "namespace": "hotel", "fields": made})


def test_schema_is_found_by_id_and_by_version(registry: SchemaRegistry, subject: str) -> None:
    first, second = record(a=None), record(a=None, b=1)
    ids = [registry.register(subject, each) for each in (first, second, first)]
    assert ids[0] == ids[2] != ids[1]
    assert json.loads(registry.find(ids[1])) == json.loads(second)
    found = registry.versions(subject)
    assert [(each.version, each.id) for each in found] == [(1, ids[0]), (2, ids[1])]
    assert json.loads(found[0].schema) == json.loads(first)
    assert subject in registry.subjects()


def test_what_does_not_exist_is_unknown(registry: SchemaRegistry, subject: str) -> None:
    assert registry.versions(subject) == []
    with pytest.raises(UnknownSchema):
        registry.find(2_000_000_000)


def test_same_schema_in_two_subjects_has_one_id(registry: SchemaRegistry, subject: str) -> None:
    schema = record(uuid4().hex.translate(str.maketrans("0123456789", "ghijklmnop")), a=None)
    assert registry.register(subject, schema) == registry.register("x" + subject, schema)


def test_parallel_registrations_of_one_schema_give_one_id(
    registry: SchemaRegistry, subject: str
) -> None:
    with ThreadPoolExecutor(16) as threads:
        ids = list(threads.map(lambda _: registry.register(subject, record(a=None)), range(200)))
    assert len(set(ids)) == 1
    assert len(registry.versions(subject)) == 1


@pytest.mark.parametrize("level", LEVELS)
def test_level_decides_what_is_refused(registry: SchemaRegistry, subject: str, level: str) -> None:
    registry.set_level(subject, level)  # type: ignore[arg-type]  # one of LEVELS
    assert registry.level(subject) == level
    registry.register(subject, record(a=None, b=1))
    changes = {"BACKWARD": record(a=None, b=1, c=None), "FORWARD": record(b=1)}
    for direction, change in changes.items():
        if level.startswith((direction, "FULL")):
            with pytest.raises(IncompatibleSchema):
                registry.register(subject, change)
        else:
            registry.set_level(subject, level)  # type: ignore[arg-type]
            registry.register(subject, change)
            registry.register(subject + direction, record(a=None, b=1))
            break


def test_transitive_level_compares_all_versions(registry: SchemaRegistry, subject: str) -> None:
    for schema in (record(a=None), record(a=None, b=1), record(a=None, b=None)):
        registry.set_level(subject, "NONE" if schema == record(a=None) else "BACKWARD")
        registry.register(subject, schema)
    registry.set_level(subject, "BACKWARD_TRANSITIVE")
    with pytest.raises(IncompatibleSchema):  # incompatible with the first version, which lacks b
        registry.register(subject, record(a=None, b=None, c=1))
    registry.set_level(subject, None)
    registry.register(subject, record(a=None, b=None, c=1))


def test_text_that_is_no_schema_is_refused(registry: SchemaRegistry, subject: str) -> None:
    for text in ("{", '{"type": "record"}', '{"type": "unknown"}'):
        with pytest.raises(InvalidSchema):
            registry.register(subject, text)


def test_schema_refers_to_a_type_of_another_subject(registry: SchemaRegistry, subject: str) -> None:
    guest = record("Guest", age=None)
    registry.register("guest" + subject, guest)
    stay = {"type": "record", "name": "Stay", "namespace": "hotel"}
    text = json.dumps({**stay, "fields": [{"name": "guest", "type": "hotel.Guest"}]})
    reference = Reference("hotel.Guest", "guest" + subject, 1)
    id = registry.register(subject, text, (reference,))
    assert registry.register(subject, text, (reference,)) == id
    assert registry.versions(subject)[0].references == (reference,)
