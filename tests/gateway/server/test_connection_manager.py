"""What connections share."""

import asyncio
from pathlib import Path

from neurova_gateway.server.message_limits import MAX_FIELDS, MAX_HEAD, is_head_too_large
from neurova_platform.testing.platform import TestPlatform


def test_a_head_is_measured_only_when_it_can_be_too_large() -> None:
    field = (b"a", b"b" * 100)
    assert not is_head_too_large(b"/", [field] * MAX_FIELDS, MAX_HEAD + 4096)
    assert is_head_too_large(b"/", [field] * (MAX_FIELDS + 1), 0)
    assert is_head_too_large(b"/" * MAX_HEAD, [field], MAX_HEAD + 1)
    assert not is_head_too_large(b"/" * MAX_HEAD, [field], MAX_HEAD)


def test_the_rounds_look_at_every_connection_and_end(probe: TestPlatform, tmp_path: Path) -> None:
    looked: list[float] = []

    class Connection:
        def check_timeouts(self, now: float) -> None:
            looked.append(now)

    async def turn() -> None:
        edge = probe.platform.connection_manager
        edge.connections.update([Connection(), Connection()])
        edge.stop()
        edge.start()
        edge.stop()
        edge.connections.clear()
        assert edge._timer is None
        await asyncio.sleep(0)

    probe.run(turn())
    assert len(looked) == 2


def test_ready_replies_go_out_together_and_one_that_fails_keeps_none_back(
    probe: TestPlatform,
) -> None:
    class Transport:
        def __init__(self, *, gone: bool = False) -> None:
            self.gone, self.aborted, self.sent = gone, False, b""

        def write(self, octets: bytes) -> None:
            if self.gone:
                raise RuntimeError("closed")
            self.sent += octets

        def abort(self) -> None:
            self.aborted = True

    edge = probe.platform.connection_manager
    one, gone, other = Transport(), Transport(gone=True), Transport()
    for transport in (one, gone, other, one):
        edge.queue.append((transport, b"reply "))  # type: ignore[arg-type]
    edge.flush()
    edge.flush()
    assert (one.sent, other.sent, gone.aborted) == (b"reply reply ", b"reply ", True)


def test_a_turn_is_closed_once_and_then_its_replies_are_sent(probe: TestPlatform) -> None:
    edge = probe.platform.connection_manager
    seen: list[str] = []

    class Transport:
        def write(self, octets: bytes) -> None:
            seen.append(octets.decode())

    async def turn() -> None:
        edge.begin_iteration()
        edge.queue.append((Transport(), b"one"))  # type: ignore[arg-type]
        edge.begin_iteration()
        assert edge.gateway.admission.watch_after < float("inf")
        await asyncio.sleep(0)
        assert seen == ["one"]
        assert not edge.is_in_iteration
        assert edge.gateway.admission.watch_after == float("inf")

    probe.run(turn())
