"""The OpenAPI document of the Admin API matches its responses."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest
from openapi_spec_validator import validate

from neurova.errors import LoadError
from neurova.files.lines import append_lines
from neurova_gateway.admin.operation import Operation
from neurova_gateway.keys.base import Usage
from neurova_gateway.metrics.key_usage import day_of
from neurova_platform.admin.operations import OPERATIONS
from neurova_platform.testing.platform import TestPlatform

# operations/test_dead_letters.py and test_traces.py test them
OF_EVENTS = ("/v1/queues", "/v1/replays", "/v1/traces")


def assert_matches_schema(running: TestPlatform, template: str, path: str) -> None:
    """Get a resource and validate it against the document; a list must not be empty."""
    document = running.admin("GET", "/v1/openapi.json").json()
    response = running.admin("GET", path)
    assert response.status == 200
    assert response.json().get("items", True)
    content = document["paths"][template]["get"]["responses"]["200"]["content"]
    schema = {**content["application/json"]["schema"], "components": document["components"]}
    jsonschema_rs.Draft202012Validator(schema).validate(response.json())


@pytest.fixture(scope="module")
def document(running: TestPlatform) -> dict[str, Any]:
    """Return the document."""
    served: dict[str, Any] = running.admin("GET", "/v1/openapi.json").json()
    return served


def test_document_is_valid_openapi(document: dict[str, Any]) -> None:
    validate(document)  # type: ignore[arg-type]  # its stubs know no plain dict


@pytest.mark.parametrize(
    "operation",
    [
        each
        for each in OPERATIONS
        if each.method == "GET" and each.response and not each.path.startswith(OF_EVENTS)
    ],
    ids=lambda each: each.path,
)
def test_response_matches_its_schema(running: TestPlatform, operation: Operation) -> None:
    key = running.key("acme", ["probe:secret"], limits="50/minute")
    running.get("/secret", key=key)
    running.store.add_usage(
        [Usage(day_of(running.clock.time()), "acme", "key_a", "probe.secret", 1)]
    )
    line = b'{"time":"2026-11-30T00:00:00Z","level":"INFO","logger":"probe","message":"m"}\n'
    append_lines(running.settings.log_file, line)
    running.reloads.record("probe", LoadError("invalid syntax", where="functions/count.py:3"))
    key_id = running.admin("GET", "/v1/keys?consumer=acme").json()["items"][0]["key_id"]
    template = operation.path.replace(":path", "")
    path = template.format(name="probe.secret", key_id=key_id, consumer="acme")
    assert_matches_schema(
        running, template, path + ("?consumer=acme" if path == "/v1/limits" else "")
    )
    running.reloads.record("probe", None)
