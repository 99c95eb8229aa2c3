"""The steps of a call, in order, and the refusals of each step."""

from __future__ import annotations

from math import inf

from tests.gateway.pipeline.conftest import Run

from neurova_gateway.pipeline.gateway import MAX_RETRY_AFTER
from neurova_platform.testing.platform import TestPlatform


def test_other_hosts_return_421(run_probe: Run) -> None:
    running = run_probe('hosts = ["api.example"]')
    assert running.get("/count", headers={"host": "api.example:8000"}).status == 200
    assert running.get("/count", headers={"host": "API.Example"}).status == 200
    assert running.get("/count", headers={"host": "other.example"}).status == 421


def test_405_lists_allowed_methods(probe: TestPlatform) -> None:
    response = probe.delete("/count")
    assert response.status == 405
    assert response.headers["allow"] == "GET, HEAD"


def test_traceparent_is_continued(probe: TestPlatform) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    header = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    assert probe.get("/nothing", headers=header).json()["trace_id"] == trace


def test_late_call_is_refused_before_its_route_and_key(probe: TestPlatform) -> None:
    admission = probe.platform.gateway.admission
    admission.is_refusing, admission.busy_after = True, -inf
    responses = [probe.get(path, key="nobody's") for path in ("/secret", "/nothing") * 2]
    assert [each.status for each in responses] == [503] * 4
    assert len({each.headers["retry-after"] for each in responses}) == MAX_RETRY_AFTER
    assert responses[0].headers["content-type"] == "application/problem+json"
    assert admission.refused == 4
