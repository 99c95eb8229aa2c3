"""Connections share batched writes, timeout checks and event-loop iterations."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from neurova_gateway.pipeline.call_records import CallRecords
from neurova_gateway.pipeline.gateway import Gateway
from neurova_gateway.plugins.host import PluginHost
from neurova_gateway.server.connection_manager import ConnectionManager


class Transport:
    def __init__(self, *, fails: bool = False) -> None:
        self.fails, self.is_aborted, self.sent = fails, False, b""

    def write(self, data: bytes) -> None:
        if self.fails:
            raise RuntimeError("closed")
        self.sent += data

    def abort(self) -> None:
        self.is_aborted = True


class Connection:
    is_draining = False
    running = None
    checks = 0

    def check_timeouts(self, now: float) -> None:
        self.checks += 1


@pytest.fixture
def manager(tmp_path: Path) -> ConnectionManager:
    from neurova.settings.gateway import Gateway as Settings

    return ConnectionManager(Gateway(Settings(), PluginHost(tmp_path), CallRecords([])))


async def test_start_checks_every_connection(manager: ConnectionManager) -> None:
    first, second = Connection(), Connection()
    manager.connections.update([first, second])
    manager.start()
    manager.stop()
    assert (first.checks, second.checks) == (1, 1)


def test_failing_transport_does_not_stop_others(manager: ConnectionManager) -> None:
    one, failing, other = Transport(), Transport(fails=True), Transport()
    for transport in (one, failing, other, one):
        manager.queue.append((transport, b"response "))  # type: ignore[arg-type]  # a double
    manager.flush()
    manager.flush()
    assert (one.sent, other.sent) == (b"response response ", b"response ")
    assert failing.is_aborted


async def test_queue_is_flushed_at_end_of_iteration(manager: ConnectionManager) -> None:
    transport, admission = Transport(), manager.gateway.admission
    manager.begin_iteration()
    manager.queue.append((transport, b"one"))  # type: ignore[arg-type]  # a double
    manager.begin_iteration()
    assert admission.watch_after < float("inf")
    assert transport.sent == b""
    await asyncio.sleep(0)
    assert transport.sent == b"one"
    assert admission.watch_after == float("inf")
