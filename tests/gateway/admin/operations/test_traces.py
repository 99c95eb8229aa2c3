"""/v1/traces lists and shows the traces in the embedded store."""

from __future__ import annotations

import pytest
from tests.gateway.admin.test_openapi import assert_matches_schema

from neurova.traces.span import SERVER, Span
from neurova_platform.composition.trace_stores import open_sqlite
from neurova_platform.testing.platform import TestPlatform


@pytest.fixture
def stored(probe: TestPlatform) -> TestPlatform:
    """Store two traces, the second failed."""
    store = open_sqlite(probe.settings.traces_location, probe.settings, "test")  # type: ignore[arg-type]  # it is a file
    for number, error in enumerate(("", "500"), 1):
        second = 1_000_000_000
        span = Span(number, 0, "GET /count", SERVER, second, 2 * second, {"faas.name": "f"}, error)
        store.export([(number, span)])
    store.close()
    return probe


def test_traces_match_the_document(stored: TestPlatform) -> None:
    assert_matches_schema(stored, "/v1/traces", "/v1/traces")
    path = "/v1/traces/{trace_id}"
    assert_matches_schema(stored, path, path.format(trace_id=f"{1:032x}"))


def test_pages_and_filters(stored: TestPlatform) -> None:
    page = stored.admin("GET", "/v1/traces?limit=1").json()
    assert [each["trace_id"] for each in page["items"]] == [f"{2:032x}"]
    rest = stored.admin("GET", f"/v1/traces?limit=1&cursor={page['next']}").json()
    assert [each["trace_id"] for each in rest["items"]] == [f"{1:032x}"]
    failed = stored.admin("GET", "/v1/traces?failed=true&slower=10.5&function=f").json()
    assert [each["errors"] for each in failed["items"]] == [1]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/traces/12", 404),
        ("/v1/traces?failed=no", 400),
        ("/v1/traces?slower=fast", 400),
        ("/v1/traces?cursor=!", 400),
    ],
)
def test_refusals(stored: TestPlatform, path: str, status: int) -> None:
    assert stored.admin("GET", path).status == status
