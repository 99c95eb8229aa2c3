"""An operation reflects its function's decorator, signature and docstring."""

from __future__ import annotations

from typing import Any

import pytest

from neurova.endpoints.function import HttpFunction
from neurova_platform.openapi.document import Api, document

Operations = dict[str, dict[str, Any]]


@pytest.fixture
def operations(every: list[HttpFunction]) -> Operations:
    """Return the operations by function name."""
    built = document(every, Api("t", "1"))
    return {
        each["operationId"].partition(".")[2]: each
        for item in built["paths"].values()
        for each in item.values()
    }


def test_texts_come_from_the_docstring_of_function_or_file(operations: Operations) -> None:
    assert operations["add"]["summary"] == "Add a thing."
    assert operations["change"]["summary"] == "Change the shape of a thing."
    assert operations["change"]["description"].startswith("Without a shape nothing changes")
    assert operations["octets"]["summary"] == "every.octets"
    assert operations["read"]["tags"] == ["every", "reading"]


def test_parameters_and_bodies_are_described(operations: Operations) -> None:
    parameters = {each["name"]: each for each in operations["read"]["parameters"]}
    assert parameters["id"]["in"] == "path"
    assert parameters["id"]["required"] is True
    assert parameters["id"]["schema"] == {"type": "string", "format": "uuid"}
    assert parameters["colour"]["schema"]["default"] == "blue"
    assert "required" not in parameters["ratio"]
    assert (parameters["tags"]["style"], parameters["tags"]["explode"]) == ("form", True)
    assert (parameters["x-parts"]["style"], parameters["x-parts"]["explode"]) == ("simple", False)
    assert (parameters["x-tenant"]["in"], parameters["theme"]["in"]) == ("header", "cookie")
    # Functions on one path share the parameter name of the first function.
    assert [each["name"] for each in operations["change"]["parameters"]] == ["id"]
    assert [each["name"] for each in operations["own"]["parameters"]] == ["a", "b", "times"]
    assert operations["add"]["requestBody"]["required"] is True
    assert operations["change"]["requestBody"]["required"] is False
    schema = operations["add"]["requestBody"]["content"]["application/json"]["schema"]
    assert schema == {"$ref": "#/components/schemas/every.Thing"}


def test_responses_follow_annotation_and_status(operations: Operations) -> None:
    successes = {
        name: {status: set(each.get("content", {})) for status, each in responses.items()}
        for name, operation in operations.items()
        for responses in [
            {key: each for key, each in operation["responses"].items() if key[0] in "23"}
        ]
    }
    json, anything = {"application/json"}, {"*/*"}
    assert successes == {
        "add": {"201": json},
        "read": {"200": json, "204": set()},
        "change": {"200": json, "204": set()},
        "name": {"200": {"text/plain"}, "304": set()},
        "octets": {"200": {"application/octet-stream"}},
        "remove": {"204": set()},
        "own": {"2XX": anything, "3XX": anything},
        "unannotated": {"200": anything, "204": set(), "2XX": anything, "3XX": anything},
    }


def test_access_is_described_for_programs_and_readers(operations: Operations) -> None:
    scopes = ["thing:write", "thing:read"]
    assert operations["add"]["security"] == [{"ApiKey": scopes}, {"Bearer": scopes}]
    assert operations["add"]["x-neurova-scopes"] == scopes
    assert "`thing:write`" in operations["add"]["description"]
    assert operations["read"]["security"] == [{"ApiKey": []}, {"Bearer": []}]
    assert operations["name"]["security"] == []
    assert operations["name"]["description"].startswith("Public")


def test_options_of_the_decorator_are_described(operations: Operations) -> None:
    assert operations["add"]["x-neurova-limit"] == "60/minute"
    assert operations["add"]["x-neurova-cost"] == 2
    assert operations["change"]["x-neurova-timeout"] == 30.0
    assert "x-neurova-timeout" not in operations["add"]  # it never awaits, so it cannot time out
    assert "RateLimit" in operations["add"]["responses"]["201"]["headers"]
    assert "headers" not in operations["own"]["responses"]["2XX"]
    assert operations["name"]["deprecated"] is True
    assert operations["name"]["x-neurova-sunset"] == "2027-01-01"
    assert operations["name"]["x-neurova-cache"] == "5m"
    assert "deprecated" not in operations["add"]
