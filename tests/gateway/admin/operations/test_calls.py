"""Recent calls, newest first, can be narrowed to those that matter."""

from __future__ import annotations

from neurova_platform.testing.platform import TestPlatform


def test_calls_are_found_by_each_of_their_marks(running: TestPlatform) -> None:
    running.get("/secret", scopes=["probe:secret"], consumer="finder")
    running.get("/nowhere")
    running.post("/echo", body=b"x", scopes=["probe:write"], consumer="finder")

    def found(query: str) -> list[tuple[str, int]]:
        page = running.admin("GET", f"/v1/calls?{query}").json()
        return [(each["path"], each["status"]) for each in page["items"]]

    assert found("consumer=finder") == [("/echo", 415), ("/secret", 200)]
    assert found("route=probe.secret") == [("/secret", 200)]
    assert found("status=404") == [("/nowhere", 404)]
    assert found("status=4xx") == [("/echo", 415), ("/nowhere", 404)]
    assert found("status=5xx") == []
    assert found("method=POST") == [("/echo", 415)]
    assert found("route=") == [("/nowhere", 404)]
    assert found("limit=1") == [("/echo", 415)]
    trace = running.admin("GET", "/v1/calls?status=404").json()["items"][0]["trace_id"]
    assert found(f"trace_id={trace}") == [("/nowhere", 404)]


def test_pages_go_back_in_time_though_more_calls_come(running: TestPlatform) -> None:
    for number in range(5):
        running.get(f"/page{number}")
    page = running.admin("GET", "/v1/calls?limit=2").json()
    assert [each["path"] for each in page["items"]] == ["/page4", "/page3"]
    running.get("/later")
    page = running.admin("GET", f"/v1/calls?limit=2&cursor={page['next']}").json()
    assert [each["path"] for each in page["items"]] == ["/page2", "/page1"]


def test_calls_that_are_rotated_away_are_said_to_be_gone(running: TestPlatform) -> None:
    assert running.admin("GET", "/v1/calls?cursor=WzEsNV0=").status == 410
