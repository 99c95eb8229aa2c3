"""The document describes what is answered: all of it, nothing else, and as it comes."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest
from openapi_spec_validator import validate

from neurova_gateway.admin.app import resources
from neurova_gateway.admin.document import OPERATIONS, Operation
from neurova_platform.admin.server import of_platform
from neurova_platform.testing.platform import TestPlatform


@pytest.fixture(scope="module")
def whole(running: TestPlatform) -> dict[str, Any]:
    found: dict[str, Any] = running.admin("GET", "/v1/openapi.json").json()
    return found


def test_it_is_valid(whole: dict[str, Any]) -> None:
    validate(whole)  # type: ignore[arg-type]


def test_it_names_what_is_answered_and_nothing_else(
    running: TestPlatform, whole: dict[str, Any]
) -> None:
    answered = {
        (method.lower(), route.path.replace(":path", ""))
        for route in resources(of_platform(running.platform, running.reloads))
        for method in route.methods or ()
        if method != "HEAD"
    }
    described = {(method, path) for path, each in whole["paths"].items() for method in each}
    assert described == answered
    names = [each["operationId"] for path in whole["paths"].values() for each in path.values()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    "operation",
    [each for each in OPERATIONS if each.method == "GET" and each.gives],
    ids=lambda each: each.path,
)
def test_what_comes_is_what_it_says(
    running: TestPlatform, whole: dict[str, Any], operation: Operation
) -> None:
    key = running.key("acme", ["probe:secret"], limits="50/minute")
    running.get("/secret", key=key)
    running.reloads.told("probe", SyntaxError("functions/probe/count.py:3: invalid syntax"))
    key_id = running.admin("GET", "/v1/keys?consumer=acme").json()["items"][0]["key_id"]
    path = operation.path.format(name="probe.secret", key_id=key_id, consumer="acme")
    if path == "/v1/limits":
        path += "?consumer=acme"
    answer = running.admin("GET", path)
    assert answer.status == 200
    if operation.paged:
        assert answer.json()["items"]
    said = whole["paths"][operation.path]["get"]["responses"]["200"]["content"]
    schema = {**said["application/json"]["schema"], "components": whole["components"]}
    jsonschema_rs.Draft202012Validator(schema).validate(answer.json())
    running.reloads.told("probe", None)


def test_queries_that_are_described_are_known(running: TestPlatform) -> None:
    for operation in OPERATIONS:
        for name in operation.asks:
            answer = running.admin("GET", f"{operation.path}?{name}=x")
            assert "not known here" not in answer.text, (operation.path, name)
