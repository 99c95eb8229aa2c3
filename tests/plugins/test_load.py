"""Under load, plugin servers stay small, and no fault or crash lets a call pass."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from bench.cpu import resident_bytes

from .cases import AUTH, LIMIT, TEST
from .conftest import Settings
from .embedded import Embedded
from .event_load import EventLoad
from .kong_double import Kong, Request, Server
from .test_faults import FAULTS, FAULTY, HANGS, NAME

pytestmark = pytest.mark.server

LONG = bool(os.environ.get("NEUROVA_TEST_LONG"))
EVENTS = 500_000 if LONG else 4_000
CALLS = 100_000 if LONG else 1_500
HUNG = 200 if LONG else 4
CONNECTIONS = 8
GROWTH = 4 << 20  # bytes of growth that the test tolerates
REFUSED = [fault for fault, status in FAULTS.items() if status == 503]
NV = {"consumer": "somebody", "key_id": "k", "scopes": "a:read", "environment": "test"}


def answers(key: str) -> dict[str, Any]:
    return {
        "kong.request.get_headers": {"x-api-key": [key], "host": ["h"], "accept": ["*/*"]},
        "kong.nginx.get_var": "GET /a/b?c=d HTTP/1.1",
        "kong.ctx.shared.get": NV,
    }


def assert_answered(answers: Counter[str], events: int) -> None:
    """Accept some 503: on a busy machine a phase may exceed its deadline."""
    assert set(answers) <= {"ret", "503"}
    assert answers.total() == events
    assert answers["ret"] > events // 2


@pytest.mark.parametrize("name", [AUTH, LIMIT])
def test_memory_and_threads_stay_flat(
    name: str, servers: Callable[[str], Server], key: Callable[[str], str], kong_state: Path
) -> None:
    """After a tenth of the events, neither memory nor threads grow any more."""
    config = {"state": str(kong_state)}
    if name == AUTH:
        config |= {**TEST, "identity_key": str(kong_state / "identity.key")}
    else:
        config |= {"route": "load", "limit": "1000000/second", "guarded": True}
    server = servers(name)
    load = EventLoad(server, name, config, answers(key("good")), CONNECTIONS)
    with contextlib.closing(load):
        assert_answered(load.run(EVENTS // 10), EVENTS // 10)
        threads, memory = server.threads, resident_bytes(server.pid)
        assert_answered(load.run(EVENTS), EVENTS)
    assert server.threads <= threads + CONNECTIONS  # phases may overlap briefly
    assert resident_bytes(server.pid) <= memory + GROWTH


def test_steps_of_an_event_may_come_by_any_connection(
    servers: Callable[[str], Server], key: Callable[[str], str], kong_state: Path
) -> None:
    """Kong sends each step of an event over any idle connection."""
    config = {"state": str(kong_state), **TEST}
    load = EventLoad(servers(AUTH), AUTH, config, answers(key("good")), 12, at_once=CONNECTIONS)
    with contextlib.closing(load):
        assert_answered(load.run(EVENTS // 10), EVENTS // 10)


def send_many(gateways: list[Kong], calls: int) -> Counter[int]:
    """Send calls through all gateways concurrently, and count the statuses."""

    def send(number: int) -> Counter[int]:
        share = calls // CONNECTIONS
        mine = gateways[number::CONNECTIONS]
        return Counter(
            gateway.send(Request()).status for gateway, _ in zip(cycle(mine), range(share))
        )

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        return sum(pool.map(send, range(CONNECTIONS)), Counter())


@pytest.mark.parametrize("deaths", [0, 3])
def test_no_fault_in_a_plugin_server_lets_a_call_pass(deaths: int, tmp_path: Path) -> None:
    """Each connection runs every fault in turn, in one case while the server is killed."""
    server = Server([str(FAULTY / "neurova_faulty.py")], tmp_path, "f")
    faults = REFUSED * CONNECTIONS
    gateways = [Kong([(1000, NAME, {"access": fault}, server)]) for fault in faults]
    with contextlib.ExitStack() as stack:
        stack.enter_context(server.supervised())
        for gateway in gateways:
            stack.callback(gateway.close)
        for _ in range(deaths + 1):
            assert set(send_many(gateways, CALLS // (deaths + 1))) == {503}
            if deaths:
                server.kill()


@pytest.mark.parametrize("name", [AUTH, LIMIT])
def test_killed_server_causes_only_503(
    name: str,
    kong: Callable[[Settings], Kong],
    servers: Callable[[str], Server],
    key: Callable[[str], str],
) -> None:
    """A call passes only if the limiter counts it, even while a server crashes and restarts."""
    limited = {"route": f"killed-{name}", "limit": "1000000/second"}
    gateways = [kong([(AUTH, TEST), (LIMIT, limited)]) for _ in range(CONNECTIONS)]
    request = Request(fields=[("X-API-Key", key("good"))])
    server = servers(name)
    statuses: Counter[int] = Counter()

    def send(gateway: Kong) -> None:
        for _ in range(CALLS // CONNECTIONS):
            verdict = gateway.send(request)
            assert verdict.status == 503 or "ratelimit" in verdict.headers
            statuses[verdict.status] += 1

    with server.supervised(), ThreadPoolExecutor(CONNECTIONS) as pool:
        running = [pool.submit(send, gateway) for gateway in gateways]
        server.kill()
        for each in running:
            each.result()
        assert set(statuses) <= {200, 503}
        assert statuses[503] >= 1
        while gateways[0].send(request).status == 503:
            pass
        assert [gateway.send(request).status for gateway in gateways[1:]] == [200] * 7
    server.start()


def test_no_hang_in_a_plugin_server_lets_a_call_pass(tmp_path: Path) -> None:
    """The server also exits if too many phases hang.

    The test omits the plugin that hangs after it has set the caller: its call could pass if the
    server exited in between.
    """
    hangs = [fault for fault in HANGS if fault != "waits_for_a_peer"]
    server = Server([str(FAULTY / "neurova_faulty.py")], tmp_path, "f")
    gateways = [Kong([(1000, NAME, {"access": fault}, server)]) for fault in hangs * CONNECTIONS]
    with contextlib.ExitStack() as stack:
        stack.enter_context(server.supervised())
        for gateway in gateways:
            stack.callback(gateway.close)
        assert set(send_many(gateways, max(HUNG, CONNECTIONS))) == {503}


def test_no_fault_in_the_embedded_host_lets_a_call_pass() -> None:
    """Run the same number of calls and hangs in process."""
    hosts = [Embedded(FAULTY, [(NAME, {"access": fault})], deadline=0.1) for fault in REFUSED]
    statuses = Counter(host.send(Request()).status for host, _ in zip(cycle(hosts), range(CALLS)))
    hanging = [Embedded(FAULTY, [(NAME, {"access": fault})], deadline=0.1) for fault in HANGS]
    for host, _ in zip(cycle(hanging), range(HUNG)):
        host.host.start()
        try:
            statuses[host.send(Request()).status] += 1
        finally:
            host.host.stop()
    assert statuses == {503: CALLS + HUNG}
