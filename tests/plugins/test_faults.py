"""In either host, no fault of a plugin lets a call pass."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import uvloop

from neurova.http.call import Call
from neurova.http.reply import Reply
from neurova_gateway.kong.config import Plugin

from .embedded import Embedded
from .kong_double import Kong, Request, Server

FAULTY = Path(__file__).with_name("faulty")
NAME = "neurova-faulty"

# Map each function of the faulty plugin to the status of a call.
FAULTS = {
    "passes": 200,
    "exits_plainly": 204,
    **dict.fromkeys([
        "exits", "swallows_exit", "exits_twice", "raises_after_exit", "catches_exception",
        "states_after_exit",
    ], 418),
    **dict.fromkeys([
        "does_nothing", "makes_no_call", "returns_junk", "returns_junk_after_stating",
        "raises", "raises_at_once", "raises_after_stating", "raises_base", "raises_group",
        "stops_iteration", "has_no_memory", "leaves_process", "interrupts",
        "closes_generator", "recurses", "junk_status", "status_out_of_range", "junk_body",
        "junk_in_body", "circular_body", "junk_headers", "header_splits", "header_frames",
        "sets_junk_header", "sets_splitting_header", "reads_junk_header", "shares_junk",
        "states_text", "states_true", "states_empty", "states_half", "states_numbers",
        "states_lists", "takes_back",
    ], 503),
}  # fmt: skip
HANGS = ["sleeps", "sleeps_before_any_call", "waits_for_a_peer", "loops"]
BLOCKED = [
    "selects", "waits_for_a_lock", "waits_for_a_queue", "waits_for_a_process", "reads_a_pipe",
]  # fmt: skip
EACH = pytest.mark.parametrize(("fault", "status"), FAULTS.items(), ids=FAULTS)


def faulty(**config: str) -> Embedded:
    return Embedded(FAULTY, [(NAME, config)], deadline=0.1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start a real server of the faulty plugin."""
    running = Server([str(FAULTY / "neurova_faulty.py")], tmp_path_factory.mktemp("prefix"), "f")
    yield running
    running.kill()


@pytest.fixture
def behind(server: Server) -> Iterator[Callable[..., Kong]]:
    """Return a function that creates a Kong with the faulty plugin."""
    with contextlib.ExitStack() as stack:
        yield lambda **config: stack.enter_context(
            contextlib.closing(Kong([(1000, NAME, config, server)]))
        )


def send_together(gateways: list[Kong]) -> list[int]:
    """Send one request through each gateway concurrently, and return the statuses."""
    with ThreadPoolExecutor(len(gateways)) as pool:
        return [verdict.status for verdict in pool.map(lambda one: one.send(Request()), gateways)]


@EACH
def test_embedded_fault_is_refused_and_next_call_passes(fault: str, status: int) -> None:
    host = faulty(access=fault)
    verdict = host.send(Request())
    assert verdict.status == status
    assert not any("nrv_test_secret" in line for line in host.lines)
    assert "nrv_test_secret" not in str(verdict.body)
    again = host.host.get_chain([Plugin(NAME, {"access": "passes"})])
    assert again.access(Call("GET", b"/", b"", [], "")) is None


@pytest.mark.server
@EACH
def test_fault_has_same_status_behind_kong(
    fault: str, status: int, behind: Callable[..., Kong]
) -> None:
    gateway = behind(access=fault)
    verdict, within = gateway.send(Request()), faulty(access=fault).send(Request())
    assert verdict.status == within.status == status
    assert verdict.nv == within.nv or status != 200
    if status == 418 and fault == "exits":
        assert (verdict.body, verdict.headers) == (within.body, within.headers)
        assert verdict.headers["x-a"] == "b"
    assert gateway.errors == []  # the plugin server responded to every fault
    assert behind(access="passes").send(Request()).status == 200


@pytest.mark.parametrize("fault", HANGS + BLOCKED)
def test_embedded_hang_is_ended(fault: str) -> None:
    host = faulty(access=fault)
    host.host.start()
    try:
        verdict = host.send(Request())
        assert verdict.status == 503
        assert host.host.faults == {NAME: 1}
        assert "PhaseTimeout" in host.lines[0]
        fine = Embedded(FAULTY, [(NAME, {})])
        assert fine.send(Request()).status == 200
    finally:
        host.host.stop()


@pytest.mark.parametrize("fault", ["sleeps", "loops"])
def test_hang_is_ended_in_uvloop(fault: str) -> None:
    """uvloop handles signals itself; the hang still ends and the loop continues."""
    host = faulty(access=fault)

    async def send_calls() -> list[int]:
        host.host.start()
        try:
            first = host.send(Request()).status
            await asyncio.sleep(0)
            passing = faulty(access="passes").send(Request()).status
            return [first, passing, host.send(Request()).status]
        finally:
            host.host.stop()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(send_calls()) == [503, 200, 503]


@pytest.mark.server
@pytest.mark.parametrize("fault", HANGS)
def test_kong_hang_is_answered(fault: str, tmp_path: Path) -> None:
    """The server responds within Kong's timeout although a phase hangs; other calls continue."""
    server = Server([str(FAULTY / "neurova_faulty.py")], tmp_path, "f")
    try:
        gateway = Kong([(1000, NAME, {"access": fault}, server)])
        fine = Kong([(1000, NAME, {}, server)])
        assert gateway.send(Request()).status == 503
        assert gateway.errors == []
        assert fine.send(Request()).status == 200
        gateway.close()
        fine.close()
    finally:
        server.kill()


@pytest.mark.server
def test_kong_server_full_of_hangs_exits(tmp_path: Path) -> None:
    """The server exits when more than 64 phases hang; all of their calls are refused."""
    server = Server([str(FAULTY / "neurova_faulty.py")], tmp_path, "f")
    plugin = (1000, NAME, {"access": "sleeps_before_any_call"}, server)
    gateways = [Kong([plugin]) for _ in range(71)]
    gateways[0].send(Request())  # create the plugin instance
    assert send_together(gateways) == [503] * 71
    assert server.wait() == 70
    for gateway in gateways:
        gateway.close()


@pytest.mark.server
def test_kong_runs_phases_at_once(behind: Callable[..., Kong]) -> None:
    gateways = [behind(access="meets_others") for _ in range(4)]
    assert send_together(gateways) == [200] * 4


@pytest.mark.server
def test_kong_threads_are_reused(server: Server, behind: Callable[..., Kong]) -> None:
    """A hundred calls, half of them refused, need no more threads than two calls."""
    gateways = [behind(access="passes"), behind(access="swallows_exit")]
    for gateway in gateways:
        gateway.send(Request())
    before = server.threads
    for _ in range(50):
        for gateway in gateways:
            gateway.send(Request())
    assert server.threads <= before + 1


LOGGED = ["raises", "raises_base", "leaves_process", "exits", "sets_junk_header", "returns_junk"]


@pytest.mark.parametrize("fault", LOGGED)
def test_fault_in_log_is_counted(fault: str) -> None:
    """A fault in the log phase is counted and does not change the response."""
    host = faulty(log=fault)
    call = Call("GET", b"/", b"", [], "")
    assert host.chain.access(call) is None
    reply = Reply(200, "told")
    fields = list(call.reply_fields)
    host.chain.log(call, reply)
    assert (reply.status, reply.body, reply.fields) == (200, b"told", [])
    assert call.reply_fields == fields
    assert host.host.faults[NAME] == (fault != "returns_junk")
    assert host.chain.access(Call("GET", b"/", b"", [], "")) is None


def test_hang_in_log_is_ended() -> None:
    host = faulty(log="sleeps")
    host.host.start()
    try:
        host.chain.log(Call("GET", b"/", b"", [], ""), Reply())
    finally:
        host.host.stop()
    assert host.host.faults == {NAME: 1}


@pytest.mark.server
@pytest.mark.parametrize("fault", ["raises", "leaves_process"])
def test_next_call_passes_after_kong_log_fault(fault: str, behind: Callable[..., Kong]) -> None:
    gateway: Any = behind(log=fault)
    gateway.send(Request(), phase="log")
    assert gateway.errors == []
    assert gateway.send(Request()).status == 200
