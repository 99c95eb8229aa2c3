"""The steps of a call, in order, and what each one refuses."""

from __future__ import annotations

from collections.abc import Callable

from tests.gateway.overload import overload
from tests.gateway.pipeline.conftest import Run

from neurova_platform.testing.platform import TestPlatform


def steps(running: TestPlatform) -> list[str]:
    return [
        getattr(step, "__name__", type(step).__name__) for step in running.platform.gateway.steps()
    ]


def test_steps_are_one_ordered_list(run_probe: Run) -> None:
    assert steps(run_probe("")) == [
        "begin",
        "check_framing",
        "check_host",
        "find_route",
        "authorize",
    ]


def test_configured_steps_are_in_order(run_probe: Run) -> None:
    running = run_probe(
        'trusted_proxies = ["127.0.0.1"]\nbehind = "kong"\ncors.origins = ["https://a.example"]'
    )
    assert steps(running) == [
        "begin", "read_client_address", "verify_identity", "check_framing", "check_host", "Cors",
        "find_route", "authorize",
    ]  # fmt: skip


def test_other_hosts_return_421(run_probe: Run) -> None:
    running = run_probe('hosts = ["api.example"]')
    assert running.get("/count", headers={"host": "api.example:8000"}).status == 200
    assert running.get("/count", headers={"host": "API.Example"}).status == 200
    assert running.get("/count", headers={"host": "other.example"}).status == 421


def test_405_lists_allowed_methods(probe: TestPlatform) -> None:
    response = probe.delete("/count")
    assert response.status == 405
    assert response.headers["allow"] == "GET, HEAD"


def test_preflight_needs_no_key(run_probe: Run) -> None:
    running = run_probe('cors.origins = ["https://a.example"]')
    preflight = {"access-control-request-method": "POST"}
    response = running.call(
        "OPTIONS", "/echo", headers={"origin": "https://a.example", **preflight}
    )
    assert response.status == 204
    assert response.headers["access-control-allow-origin"] == "https://a.example"
    other = running.call("OPTIONS", "/echo", headers={"origin": "https://b.example", **preflight})
    assert other.status == 405
    assert "access-control-allow-origin" not in other.headers
    refused = running.post("/echo", headers={"origin": "https://a.example"})
    assert refused.status == 401
    assert refused.headers["access-control-allow-origin"] == "https://a.example"


def test_clients_identity_header_is_dropped(
    probe: TestPlatform, add_function: Callable[[str, str], None]
) -> None:
    source = """
        from neurova import Request, get


        @get("/fields", public=True)
        async def fields(request: Request) -> list[str]:
            return sorted(request.headers)
        """
    add_function("fields", source)
    probe.platform.load()
    response = probe.get("/fields", headers={"X-Neurova-Identity": "forged", "x-other": "1"})
    assert response.json() == ["host", "x-other"]


def test_traceparent_is_continued(probe: TestPlatform) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    header = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    assert probe.get("/nothing", headers=header).json()["trace_id"] == trace


def test_overload_refuses_before_key_lookup(run_probe: Run) -> None:
    running = run_probe("")
    overload(running, "secret")
    response = running.get("/secret", key="nobody's")
    assert response.status == 503
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["retry-after"] == "1"
    assert response.json()["trace_id"]
    assert running.platform.gateway.admission.refused == 1


def test_overload_admits_cheap_calls(run_probe: Run) -> None:
    running = run_probe("")
    overload(running, "secret")
    assert running.get("/count").status == 200
    assert running.get("/items/7", scopes=[]).json()["id"] == "7"
    assert running.get("/nothing").status == 404
    assert running.platform.gateway.admission.refused == 0


def test_overload_measures_cost_of_functions(run_probe: Run) -> None:
    running = run_probe("")
    function = next(f for f in running.platform.functions() if f.name == "probe.count")
    running.get("/count")
    assert not function.cost.is_measured
    overload(running, "secret")
    running.get("/count")
    assert function.cost.is_measured
    assert running.get("/items/7?x=", key="nobody's").status == 401
    other = next(f for f in running.platform.functions() if f.name == "probe.item")
    assert not other.cost.is_measured
