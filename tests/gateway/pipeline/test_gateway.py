"""The way of a call: its steps, in order, and what each refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.gateway.crowd import crowd

from neurova_platform.testing.platform import TestPlatform


@pytest.fixture
def platform(probe_project: Path, tmp_path: Path) -> Iterator[Callable[[str], TestPlatform]]:
    """Run the probe with a `[gateway]` of the test's own."""
    running: list[TestPlatform] = []

    def run(gateway: str) -> TestPlatform:
        (probe_project / "neurova.toml").write_text(f"[gateway]\n{gateway}\n")
        (tmp_path / "databases").mkdir(exist_ok=True)
        running.append(TestPlatform(probe_project, tmp_path / "state", tmp_path / "databases"))
        return running[-1].__enter__()

    yield run
    for each in running:
        each.__exit__()


def steps(running: TestPlatform) -> list[str]:
    return [
        getattr(step, "__name__", type(step).__name__) for step in running.platform.gateway.steps()
    ]


def test_the_way_is_one_visible_list(platform: Callable[[str], TestPlatform]) -> None:
    assert steps(platform("")) == [
        "begin",
        "check_framing",
        "check_host",
        "find_route",
        "authorize",
    ]


def test_what_is_configured_has_its_place_in_the_way(
    platform: Callable[[str], TestPlatform],
) -> None:
    running = platform(
        'trusted_proxies = ["127.0.0.1"]\nbehind = "kong"\ncors.origins = ["https://a.example"]'
    )
    assert steps(running) == [
        "begin", "read_client_address", "verify_identity", "check_framing", "check_host", "Cors",
        "find_route", "authorize",
    ]  # fmt: skip


def test_only_named_hosts_are_answered(platform: Callable[[str], TestPlatform]) -> None:
    running = platform('hosts = ["api.example"]')
    assert running.get("/count", headers={"host": "api.example:8000"}).status == 200
    assert running.get("/count", headers={"host": "API.Example"}).status == 200
    assert running.get("/count", headers={"host": "other.example"}).status == 421


def test_another_method_is_told_what_there_is(probe: TestPlatform) -> None:
    answer = probe.delete("/count")
    assert answer.status == 405
    assert answer.headers["allow"] == "GET, HEAD"


def test_a_preflight_needs_no_key_and_other_origins_get_nothing(
    platform: Callable[[str], TestPlatform],
) -> None:
    running = platform('cors.origins = ["https://a.example"]')
    asked = {"access-control-request-method": "POST"}
    answer = running.call("OPTIONS", "/echo", headers={"origin": "https://a.example", **asked})
    assert answer.status == 204
    assert answer.headers["access-control-allow-origin"] == "https://a.example"
    other = running.call("OPTIONS", "/echo", headers={"origin": "https://b.example", **asked})
    assert other.status == 405
    assert "access-control-allow-origin" not in other.headers
    refused = running.post("/echo", headers={"origin": "https://a.example"})
    assert refused.status == 401
    assert refused.headers["access-control-allow-origin"] == "https://a.example"


def seen(running: TestPlatform, forwarded: str) -> str:
    running.get("/count", headers={"x-forwarded-for": forwarded})
    return running.records()[-1].client


def test_a_forwarded_address_is_believed_only_from_trusted_proxies(
    platform: Callable[[str], TestPlatform],
) -> None:
    assert seen(platform(""), "203.0.113.7") == "127.0.0.1"


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.7, 10.1.2.3", "203.0.113.7"),
        ("1.1.1.1, 203.0.113.7, 10.1.2.3", "203.0.113.7"),
        ("junk", "127.0.0.1"),
        ("203.0.113.7, junk", "127.0.0.1"),
        ("", "127.0.0.1"),
    ],
)
def test_the_client_is_the_last_that_no_trusted_proxy_is(
    platform: Callable[[str], TestPlatform], forwarded: str, client: str
) -> None:
    running = platform('trusted_proxies = ["127.0.0.1", "10.0.0.0/8"]')
    assert seen(running, forwarded) == client


def test_an_identity_from_outside_is_dropped(probe: TestPlatform, probe_project: Path) -> None:
    (probe_project / "functions" / "probe" / "fields.py").write_text(
        "from neurova import Request, get\n\n\n"
        '@get("/fields", public=True)\n'
        "async def fields(request: Request) -> list[str]:\n"
        "    return sorted(request.headers)\n"
    )
    probe.platform.load()
    answer = probe.get("/fields", headers={"X-Neurova-Identity": "forged", "x-other": "1"})
    assert answer.json() == ["host", "x-other"]


def test_a_call_is_traced_from_the_edge(probe: TestPlatform) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    header = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    assert probe.get("/nothing", headers=header).json()["trace_id"] == trace


def test_in_a_crowd_a_call_is_refused_before_its_key_is_looked_up(
    platform: Callable[[str], TestPlatform],
) -> None:
    running = platform("")
    crowd(running, "secret")
    answer = running.get("/secret", key="nobody's")
    assert answer.status == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"] == "1"
    assert answer.json()["trace_id"]
    assert running.platform.gateway.admission.refused == 1


def test_in_a_crowd_what_is_cheap_is_served_and_bad_paths_are_told(
    platform: Callable[[str], TestPlatform],
) -> None:
    running = platform("")
    crowd(running, "secret")
    assert running.get("/count").status == 200
    assert running.get("/items/7", scopes=[]).json()["id"] == "7"
    assert running.get("/nothing").status == 404
    assert running.platform.gateway.admission.refused == 0


def test_in_a_crowd_the_cost_of_a_function_is_learnt(
    platform: Callable[[str], TestPlatform],
) -> None:
    running = platform("")
    function = next(f for f in running.platform.functions() if f.name == "probe.count")
    running.get("/count")
    assert not function.cost.is_measured
    crowd(running, "secret")
    running.get("/count")
    assert function.cost.is_measured
    assert running.get("/items/7?x=", key="nobody's").status == 401
    other = next(f for f in running.platform.functions() if f.name == "probe.item")
    assert not other.cost.is_measured
