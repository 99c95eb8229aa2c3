"""/v1/calls: filters and pages."""

from __future__ import annotations

import pytest

from neurova_platform.testing.platform import TestPlatform


def calls(platform: TestPlatform, query: str) -> list[tuple[str, int]]:
    page = platform.admin("GET", f"/v1/calls?{query}").json()
    return [(each["path"], each["status"]) for each in page["items"]]


@pytest.fixture(scope="module")
def called(running: TestPlatform) -> TestPlatform:
    """Make three calls with different results."""
    running.get("/secret", scopes=["probe:secret"], consumer="finder")
    running.get("/nowhere")
    running.post("/echo", body=b"x", scopes=["probe:write"], consumer="finder")
    return running


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("consumer=finder", [("/echo", 415), ("/secret", 200)]),
        ("route=probe.secret", [("/secret", 200)]),
        ("status=404", [("/nowhere", 404)]),
        ("status=4xx", [("/echo", 415), ("/nowhere", 404)]),
        ("status=5xx", []),
        ("method=POST", [("/echo", 415)]),
        ("route=", [("/nowhere", 404)]),
        ("limit=1", [("/echo", 415)]),
    ],
)
def test_filters_select_calls(
    called: TestPlatform, query: str, expected: list[tuple[str, int]]
) -> None:
    assert calls(called, query) == expected


def test_trace_id_selects_calls(called: TestPlatform) -> None:
    trace = called.admin("GET", "/v1/calls?status=404").json()["items"][0]["trace_id"]
    assert calls(called, f"trace_id={trace}") == [("/nowhere", 404)]


def test_new_calls_shift_no_page(called: TestPlatform) -> None:
    for number in range(5):
        called.get(f"/page{number}")
    page = called.admin("GET", "/v1/calls?limit=2").json()
    assert [each["path"] for each in page["items"]] == ["/page4", "/page3"]
    called.get("/later")
    assert calls(called, f"limit=2&cursor={page['next']}") == [("/page2", 404), ("/page1", 404)]
    # A cursor into a log file that rotation deleted.
    assert called.admin("GET", "/v1/calls?cursor=WzEsNV0=").status == 410
