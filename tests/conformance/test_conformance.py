"""Responses of a running platform conform to its OpenAPI document."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.conformance.hooks import reached_function
from tests.conformance.run import ROOT, Run, copy_project, fuzz, make_strict, prepare
from tests.platform.openapi.conftest import copy_every
from tests.servers.postgres import PostgresServer

pytestmark = pytest.mark.server


def prepare_and_fuzz(project: Path, *words: str) -> tuple[Run, dict[str, Any]]:
    document, key = prepare(project)
    return fuzz(project, document, key, *words), document


def test_booking_and_crm_conform_on_sqlite(tmp_path: Path) -> None:
    """`make conformance` runs the same test with 20,000 calls."""
    words = ("--max-examples", "8", "--phases", "examples,coverage,fuzzing", "--seed", "1")
    run, document = prepare_and_fuzz(copy_project(tmp_path), *words)
    assert run.code == 0, run.output
    assert run.calls > 500
    assert [status for status in run.statuses if status >= 500] == []
    assert run.undocumented(document) == set()
    assert {operation for operation, *_ in run.counts} == {
        f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item
    }


def test_booking_and_crm_conform_on_postgresql(
    tmp_path: Path, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = copy_project(tmp_path)
    with (project / "neurova.toml").open("a") as file:
        for service in ("booking", "crm"):
            parts = urlsplit(postgres.create())
            monkeypatch.setenv("PGPASSWORD", parts.password or "")
            place = parts._replace(netloc=f"{parts.username}@{parts.hostname}:{parts.port}")
            file.write(f'[services.{service}]\ndatabase = "{place.geturl()}"\n')
    words = ("--max-examples", "5", "--phases", "coverage,fuzzing", "--seed", "2")
    run, document = prepare_and_fuzz(project, *words)
    assert run.code == 0, run.output
    assert [status for status in run.statuses if status >= 500] == []
    assert run.undocumented(document) == set()


def test_every_kind_of_parameter_and_reply_conforms(tmp_path: Path) -> None:
    project = copy_project(tmp_path, functions=copy_every(tmp_path / "every") / "functions")
    words = ("--max-examples", "8", "--phases", "examples,coverage,fuzzing", "--seed", "1")
    run, document = prepare_and_fuzz(project, *words)
    assert run.code == 0, run.output
    assert [status for status in run.statuses if status >= 500] == []
    assert run.undocumented(document) == set()


FAULTS: dict[str, Callable[[dict[str, Any]], object]] = {
    "a type": lambda operation: operation["requestBody"]["content"]["application/json"].update(
        schema={"type": "object", "properties": {"nights": {"type": "string"}}}
    ),
    "an answer": lambda operation: operation["responses"].pop("422"),
    "a reply": lambda operation: operation["responses"]["200"]["content"][
        "application/json"
    ].update(schema={"type": "array"}),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_document_is_detected(tmp_path: Path, fault: str) -> None:
    project = copy_project(tmp_path)
    document, key = prepare(project)
    FAULTS[fault](document["paths"]["/quote"]["post"])
    words = ("--include-path", "/quote", "--phases", "coverage", "--no-shrink")
    run = fuzz(project, document, key, *words)
    assert run.code == 1
    assert run.calls > 0


def test_replies_of_platform_and_function_are_told_apart() -> None:
    assert reached_function(200, b"")
    assert reached_function(404, b'{"detail": "You have no booking 1"}')
    assert not reached_function(404, b'{"detail": "No route matches this path"}')
    assert not reached_function(422, b'{"detail": "One value is not valid."}')
    assert not reached_function(405, b"{}")


def test_default_responses_are_removed() -> None:
    document = {
        "paths": {"/x": {"get": {"responses": {"200": {}, "default": {}}, "security": []}}},
        "components": {"securitySchemes": {"ApiKey": {}, "Bearer": {}}},
    }
    made = make_strict(document)
    assert list(made["paths"]["/x"]["get"]["responses"]) == ["200"]
    assert "default" in document["paths"]["/x"]["get"]["responses"]  # type: ignore[index]


def test_rate_limits_are_removed_from_the_copy_only(tmp_path: Path) -> None:
    limited = [file for file in (ROOT / "functions").rglob("*.py") if "limit=" in file.read_text()]
    copied = [
        file for file in copy_project(tmp_path).rglob("*.py") if 'limit="' in file.read_text()
    ]
    assert limited
    assert copied == []
