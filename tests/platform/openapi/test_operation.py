"""An operation says all that its function's decorator, signature and words say."""

from __future__ import annotations

from typing import Any

import pytest

from neurova.endpoints.function import Function
from neurova_platform.openapi.document import Api, document


@pytest.fixture
def of(every: list[Function]) -> dict[str, dict[str, Any]]:
    made = document(every, Api("t", "1"))
    return {
        each["operationId"].partition(".")[2]: each
        for item in made["paths"].values()
        for each in item.values()
    }


def test_words_come_from_the_function_or_its_file(of: dict[str, dict[str, Any]]) -> None:
    assert of["add"]["summary"] == "Add a thing."
    assert of["change"]["summary"] == "Change a thing's shape."
    assert of["change"]["description"].startswith("Without a shape nothing is changed")
    assert of["octets"]["summary"] == "every.octets"


def test_tags_are_the_service_and_its_own(of: dict[str, dict[str, Any]]) -> None:
    assert of["read"]["tags"] == ["every", "reading"]


def test_parameters_say_place_type_need_and_default(of: dict[str, dict[str, Any]]) -> None:
    found = {each["name"]: each for each in of["read"]["parameters"]}
    assert found["id"]["in"] == "path"
    assert found["id"]["required"] is True
    assert found["id"]["schema"] == {"type": "string", "format": "uuid"}
    assert found["colour"]["schema"]["default"] == "blue"
    assert "required" not in found["ratio"]
    assert (found["tags"]["style"], found["tags"]["explode"]) == ("form", True)
    assert (found["x-parts"]["style"], found["x-parts"]["explode"]) == ("simple", False)
    assert (found["x-tenant"]["in"], found["theme"]["in"]) == ("header", "cookie")


def test_a_keyword_parameter_is_one_too(of: dict[str, dict[str, Any]]) -> None:
    assert [each["name"] for each in of["change"]["parameters"]] == ["id"]  # as its path is here
    assert [each["name"] for each in of["own"]["parameters"]] == ["a", "b", "times"]
    assert of["own"]["summary"] == "Answer with what it likes."


def test_a_body_is_needed_unless_it_may_be_left_out(of: dict[str, dict[str, Any]]) -> None:
    assert of["add"]["requestBody"]["required"] is True
    assert of["change"]["requestBody"]["required"] is False
    schema = of["add"]["requestBody"]["content"]["application/json"]["schema"]
    assert schema == {"$ref": "#/components/schemas/every.Thing"}


def test_replies_follow_the_annotation_and_the_decorators_status(
    of: dict[str, dict[str, Any]],
) -> None:
    good = {
        name: {status: set(each.get("content", {})) for status, each in responses.items()}
        for name, operation in of.items()
        for responses in [
            {key: each for key, each in operation["responses"].items() if key[0] in "23"}
        ]
    }
    json, anything = {"application/json"}, {"*/*"}
    assert good == {
        "add": {"201": json},
        "read": {"200": json, "204": set()},
        "change": {"200": json, "204": set()},
        "name": {"200": {"text/plain"}, "304": set()},
        "octets": {"200": {"application/octet-stream"}},
        "forget": {"204": set()},
        "own": {"2XX": anything, "3XX": anything},
        "unsaid": {"200": anything, "204": set(), "2XX": anything, "3XX": anything},
    }


def test_who_may_call_is_said_to_programs_and_to_people(of: dict[str, dict[str, Any]]) -> None:
    scopes = ["thing:write", "thing:read"]
    assert of["add"]["security"] == [{"ApiKey": scopes}, {"Bearer": scopes}]
    assert of["add"]["x-neurova-scopes"] == scopes
    assert "`thing:write`" in of["add"]["description"]
    assert of["read"]["security"] == [{"ApiKey": []}, {"Bearer": []}]
    assert of["name"]["security"] == []
    assert of["name"]["description"].startswith("Public")


def test_what_bounds_a_call_is_said(of: dict[str, dict[str, Any]]) -> None:
    assert of["add"]["x-neurova-limit"] == "60/minute"
    assert of["add"]["x-neurova-cost"] == 2
    assert of["change"]["x-neurova-timeout"] == 30.0
    assert "x-neurova-timeout" not in of["add"]  # it never waits
    assert "RateLimit" in of["add"]["responses"]["201"]["headers"]
    assert "headers" not in of["own"]["responses"]["2XX"]


def test_how_it_ages_is_said(of: dict[str, dict[str, Any]]) -> None:
    assert of["name"]["deprecated"] is True
    assert of["name"]["x-neurova-sunset"] == "2027-01-01"
    assert of["name"]["x-neurova-cache"] == "5m"
    assert "deprecated" not in of["add"]
