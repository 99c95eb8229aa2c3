"""The steps of a call, in order, and what each one refuses."""

from __future__ import annotations

from tests.gateway.overload import overload
from tests.gateway.pipeline.conftest import Run

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


def test_overload_refuses_before_key_lookup(probe: TestPlatform) -> None:
    overload(probe, "secret")
    response = probe.get("/secret", key="nobody's")
    assert response.status == 503
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["retry-after"] == "1"
    assert response.json()["trace_id"]
    assert probe.platform.gateway.admission.refused == 1


def test_overload_admits_cheap_calls(probe: TestPlatform) -> None:
    overload(probe, "secret")
    assert probe.get("/count").status == 200
    assert probe.get("/items/7", scopes=[]).json()["id"] == "7"
    assert probe.get("/nothing").status == 404
    assert probe.platform.gateway.admission.refused == 0


def test_overload_measures_only_calls_that_run(probe: TestPlatform) -> None:
    cost = {function.name: function.cost for function in probe.platform.functions()}
    overload(probe, "secret")
    probe.get("/count")
    assert cost["probe.count"].is_measured
    assert probe.get("/items/7?x=", key="nobody's").status == 401
    assert not cost["probe.item"].is_measured
