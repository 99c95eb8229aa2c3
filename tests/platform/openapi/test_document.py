"""The document: complete, the same for the same functions, and valid for others than us."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from openapi_spec_validator import validate
from tests.servers import npm

from neurova.endpoints.function import Function
from neurova_platform.composition import inventory
from neurova_platform.openapi.document import Api, document
from neurova_platform.settings import loading as settings

API = Api("Things", "1.2.3")
ROOT = Path(__file__).parents[3]
METHODS = {"get", "post", "put", "patch", "delete"}


def operations(made: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        each["operationId"]: each
        for item in made["paths"].values()
        for method, each in item.items()
        if method in METHODS
    }


@pytest.fixture
def made(every: list[Function]) -> dict[str, Any]:
    return document(every, API)


@pytest.fixture
def own() -> dict[str, Any]:
    """Return the document of the project that is served here as an example."""
    return document(inventory.functions(settings.load(ROOT, environ={})), API)


def test_every_function_is_an_operation_by_its_name(
    every: list[Function], made: dict[str, Any]
) -> None:
    assert operations(made).keys() == {each.name for each in every}


def test_it_is_valid_openapi(made: dict[str, Any], own: dict[str, Any]) -> None:
    validate(made)  # type: ignore[arg-type]
    validate(own)  # type: ignore[arg-type]


@pytest.mark.server
def test_it_is_valid_for_a_validator_of_another_family(
    made: dict[str, Any], own: dict[str, Any], tmp_path: Path
) -> None:
    package = npm.package("@seriousme/openapi-schema-validator", "2.11.0")
    for each in (made, own):
        (tmp_path / "openapi.json").write_text(json.dumps(each))
        command = ["node", package / "bin/validate-api-cli.js", tmp_path / "openapi.json"]
        told = subprocess.run(command, capture_output=True, text=True)
        assert json.loads(told.stdout) == {"valid": True}, told.stdout + told.stderr


def test_order_and_reload_change_nothing(
    load: Callable[..., list[Function]], every: list[Function], made: dict[str, Any]
) -> None:
    again = load("every")  # another generation of the same files
    assert again[0].generation is not every[0].generation
    assert json.dumps(document(reversed(again), API)) == json.dumps(made)


def test_all_that_is_referred_to_is_there(made: dict[str, Any]) -> None:
    def references(part: Any) -> set[str]:
        if isinstance(part, list):
            return {found for each in part for found in references(each)}
        if not isinstance(part, dict):
            return set()
        found = {part["$ref"]} if isinstance(part.get("$ref"), str) else set()
        found |= set(part.get("discriminator", {}).get("mapping", {}).values())
        return found | references(list(part.values()))

    assert references(made)
    for reference in references(made):
        part: Any = made
        for step in reference.removeprefix("#/").split("/"):
            part = part[step]
        assert part


def test_each_example_fits_its_schema(made: dict[str, Any], own: dict[str, Any]) -> None:
    for whole in (made, own):
        defined = {"components": whole["components"]}
        for operation in operations(whole).values():
            media = [*operation.get("requestBody", {}).get("content", {}).values()]
            for response in operation["responses"].values():
                media += response.get("content", {}).values()
            for each in [*media, *operation.get("parameters", ())]:
                if "example" in each:
                    schema = {**each["schema"], **defined}
                    validator = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
                    assert validator.is_valid(each["example"]), (operation["operationId"], each)


def test_every_body_and_parameter_has_an_example(own: dict[str, Any]) -> None:
    for operation in operations(own).values():
        for each in operation.get("parameters", ()):
            assert "$ref" in each or each["in"] == "path" or "example" in each
        for media in operation.get("requestBody", {}).get("content", {}).values():
            assert "example" in media


def test_paths_that_differ_by_names_alone_are_one(made: dict[str, Any]) -> None:
    assert [path for path in made["paths"] if path.startswith("/things/")] == ["/things/{id}"]
    item = made["paths"]["/things/{id}"]
    assert set(item) == {"get", "patch", "delete"}
    assert {each["parameters"][0]["name"] for each in item.values()} == {"id"}


def test_what_it_says_of_itself(every: list[Function]) -> None:
    made = document(every, Api("T", "2", ("https://api.example",), "10/second"))
    assert made["info"]["version"] == "2"
    assert made["servers"] == [{"url": "https://api.example"}]
    assert "10/second" in made["info"]["description"]
    assert document([], API)["servers"] == [{"url": "/"}]


def test_types_of_two_services_never_meet(load: Callable[..., list[Function]]) -> None:
    source = """
        import msgspec
        from neurova import get
        class Page(msgspec.Struct):
            {field}: int
        @get("/{field}")
        async def {field}() -> Page: ...
        """
    one = load("one", only=source.replace("{field}", "first"))
    two = load("two", only=source.replace("{field}", "second"))
    schemas = document([*one, *two], API)["components"]["schemas"]
    assert list(schemas["one.Page"]["properties"]) == ["first"]
    assert list(schemas["two.Page"]["properties"]) == ["second"]
