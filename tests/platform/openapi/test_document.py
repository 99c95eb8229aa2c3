"""The document is complete, reproducible, and valid according to independent validators."""

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

from neurova.endpoints.function import HttpFunction
from neurova_platform.composition import inventory
from neurova_platform.openapi.document import Api, document
from neurova_platform.settings import loading as settings

API = Api("Things", "1.2.3")
ROOT = Path(__file__).parents[3]
METHODS = {"get", "post", "put", "patch", "delete"}


def operations(built: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        each["operationId"]: each
        for item in built["paths"].values()
        for method, each in item.items()
        if method in METHODS
    }


@pytest.fixture
def built(every: list[HttpFunction]) -> dict[str, Any]:
    return document(every, API)


@pytest.fixture
def project() -> dict[str, Any]:
    """Return the document of the services Booking and CRM."""
    return document(inventory.load_functions(settings.load(ROOT, environ={})), API)


def test_every_function_is_an_operation(every: list[HttpFunction], built: dict[str, Any]) -> None:
    assert operations(built).keys() == {each.name for each in every}


def test_document_is_valid_openapi(built: dict[str, Any], project: dict[str, Any]) -> None:
    validate(built)  # type: ignore[arg-type]
    validate(project)  # type: ignore[arg-type]


@pytest.mark.server
def test_document_is_valid_for_another_validator(
    built: dict[str, Any], project: dict[str, Any], tmp_path: Path
) -> None:
    package = npm.package("@seriousme/openapi-schema-validator", "2.11.0")
    for each in (built, project):
        (tmp_path / "openapi.json").write_text(json.dumps(each))
        command = ["node", package / "bin/validate-api-cli.js", tmp_path / "openapi.json"]
        result = subprocess.run(command, capture_output=True, text=True)
        assert json.loads(result.stdout) == {"valid": True}, result.stdout + result.stderr


def test_order_and_reload_change_nothing(
    load: Callable[..., list[HttpFunction]], every: list[HttpFunction], built: dict[str, Any]
) -> None:
    again = load("every")  # new function objects from the same files
    assert again[0].generation is not every[0].generation
    assert json.dumps(document(reversed(again), API)) == json.dumps(built)


def test_every_example_is_valid(built: dict[str, Any], project: dict[str, Any]) -> None:
    for whole in (built, project):
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


def test_every_body_and_parameter_has_an_example(project: dict[str, Any]) -> None:
    for operation in operations(project).values():
        for each in operation.get("parameters", ()):
            assert "$ref" in each or each["in"] == "path" or "example" in each
        for media in operation.get("requestBody", {}).get("content", {}).values():
            assert "example" in media


def test_paths_that_differ_only_in_names_are_merged(built: dict[str, Any]) -> None:
    assert [path for path in built["paths"] if path.startswith("/things/")] == ["/things/{id}"]
    item = built["paths"]["/things/{id}"]
    assert set(item) == {"get", "patch", "delete"}
    assert {each["parameters"][0]["name"] for each in item.values()} == {"id"}


def test_version_servers_and_limit_are_described(every: list[HttpFunction]) -> None:
    built = document(every, Api("T", "2", ("https://api.example",), "10/second"))
    assert built["info"]["version"] == "2"
    assert built["servers"] == [{"url": "https://api.example"}]
    assert "10/second" in built["info"]["description"]
    assert document([], API)["servers"] == [{"url": "/"}]
