"""What is served is what the document says, for whatever a client may send."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.conformance.hooks import reached
from tests.conformance.run import ROOT, Run, fuzz, lay, prepare, strict
from tests.platform.openapi.conftest import copy_every
from tests.servers.postgres import PostgresServer

pytestmark = pytest.mark.server


def fuzzed(project: Path, *words: str) -> tuple[Run, dict[str, Any]]:
    document, key = prepare(project)
    return fuzz(project, document, key, *words), document


def test_booking_and_crm_answer_as_their_document_says(tmp_path: Path) -> None:
    """`make conformance` is the same, with 20,000 calls."""
    words = ("--max-examples", "8", "--phases", "examples,coverage,fuzzing", "--seed", "1")
    run, document = fuzzed(lay(tmp_path), *words)
    assert run.code == 0, run.told
    assert run.calls > 500
    assert [status for status in run.statuses if status >= 500] == []
    assert run.undocumented(document) == set()
    assert {operation for operation, *_ in run.counts} == {
        f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item
    }


def test_they_do_on_postgresql_too(
    tmp_path: Path, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = lay(tmp_path)
    with (project / "neurova.toml").open("a") as file:
        for service in ("booking", "crm"):
            parts = urlsplit(postgres.create())
            monkeypatch.setenv("PGPASSWORD", parts.password or "")
            place = parts._replace(netloc=f"{parts.username}@{parts.hostname}:{parts.port}")
            file.write(f'[services.{service}]\ndatabase = "{place.geturl()}"\n')
    words = ("--max-examples", "5", "--phases", "coverage,fuzzing", "--seed", "2")
    run, document = fuzzed(project, *words)
    assert run.code == 0, run.told
    assert [status for status in run.statuses if status >= 500] == []
    assert run.undocumented(document) == set()


def test_every_kind_of_parameter_and_reply_is_as_its_document_says(tmp_path: Path) -> None:
    project = lay(tmp_path, functions=copy_every(tmp_path / "every") / "functions")
    # Without state: it keeps nothing, and so a thing that was forgotten is there again.
    words = ("--max-examples", "8", "--phases", "examples,coverage,fuzzing", "--seed", "1")
    run, document = fuzzed(project, *words)
    assert run.code == 0, run.told
    assert [status for status in run.statuses if status >= 500] == []
    assert run.undocumented(document) == set()


LIES: dict[str, Callable[[dict[str, Any]], object]] = {
    "a type": lambda operation: operation["requestBody"]["content"]["application/json"].update(
        schema={"type": "object", "properties": {"nights": {"type": "string"}}}
    ),
    "an answer": lambda operation: operation["responses"].pop("422"),
    "a reply": lambda operation: operation["responses"]["200"]["content"][
        "application/json"
    ].update(schema={"type": "array"}),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_document_that_lies_is_found_out(tmp_path: Path, lie: str) -> None:
    project = lay(tmp_path)
    document, key = prepare(project)
    LIES[lie](document["paths"]["/quote"]["post"])
    words = ("--include-path", "/quote", "--phases", "coverage", "--no-shrink")
    run = fuzz(project, document, key, *words)
    assert run.code == 1
    assert run.calls > 0


def test_what_the_platform_says_is_told_from_what_a_function_says() -> None:
    assert reached(200, b"")
    assert reached(404, b'{"detail": "You have no booking 1"}')
    assert not reached(404, b'{"detail": "No route matches this path"}')
    assert not reached(422, b'{"detail": "One value is not valid."}')
    assert not reached(405, b"{}")


def test_what_is_fuzzed_lists_only_what_is_known() -> None:
    document = {
        "paths": {"/x": {"get": {"responses": {"200": {}, "default": {}}, "security": []}}},
        "components": {"securitySchemes": {"ApiKey": {}, "Bearer": {}}},
    }
    made = strict(document)
    assert list(made["paths"]["/x"]["get"]["responses"]) == ["200"]
    assert "default" in document["paths"]["/x"]["get"]["responses"]  # type: ignore[index]


def test_limits_are_left_out_of_the_copy_alone(tmp_path: Path) -> None:
    said = [file for file in (ROOT / "functions").rglob("*.py") if "limit=" in file.read_text()]
    copied = [file for file in lay(tmp_path).rglob("*.py") if 'limit="' in file.read_text()]
    assert said
    assert copied == []
