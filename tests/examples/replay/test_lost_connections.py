"""A lost connection neither duplicates nor loses a booking."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import BinaryIO

import pytest
from examples.replay import hotel, replay, runtimes
from examples.replay.clients import Clients, find_missing
from examples.replay.runtimes import Storage
from examples.replay.wire import ReplayError

BUSY = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"


def message(stream: BinaryIO) -> bytes:
    """Read one HTTP message by its Content-Length."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = stream.readline()
        if not line:
            return b""
        head += line
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
    return head + stream.read(int(fields.get(b"content-length", b"0")))


class FaultyProxy(socketserver.ThreadingTCPServer):
    """Forward calls to a runtime, unless `fault` returns a fault for a call."""

    daemon_threads = True

    def __init__(self, runtime: int, fault: Callable[[int], str]) -> None:
        super().__init__(("127.0.0.1", 0), ProxyConnection)
        self.runtime, self.fault, self.number = runtime, fault, count(1)
        self.failed: Counter[str] = Counter()


class ProxyConnection(socketserver.StreamRequestHandler):
    """Forward the calls of a connection."""

    server: FaultyProxy

    def handle(self) -> None:
        runtime = socket.create_connection(("127.0.0.1", self.server.runtime))
        with runtime, runtime.makefile("rb") as answers:
            while call := message(self.rfile):
                fault = self.server.fault(next(self.server.number))
                self.server.failed[fault] += 1
                if fault == "busy":
                    self.wfile.write(BUSY)
                    continue
                if fault == "before":
                    return
                runtime.sendall(call)
                answer = message(answers)
                if fault == "after":
                    return
                self.wfile.write(answer)


@contextmanager
def proxy(port: int, fault: Callable[[int], str]) -> Iterator[FaultyProxy]:
    with FaultyProxy(port, fault) as proxied:
        thread = threading.Thread(target=proxied.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield proxied
        finally:
            proxied.shutdown()
            thread.join()


def inject_faults(
    monkeypatch: pytest.MonkeyPatch, *faults: Callable[[int], str]
) -> list[Counter[str]]:
    """Put a proxy before each phase's workers; return the counts of injected faults by phase."""
    failed: list[Counter[str]] = []
    running, phases = runtimes.running, iter(faults)

    @contextmanager
    def faulty(number: int, storage: Storage) -> Iterator[list[int]]:
        with running(number, storage) as ports, proxy(ports[0], next(phases)) as proxied:
            failed.append(proxied.failed)
            yield [proxied.server_address[1]]

    monkeypatch.setattr(runtimes, "running", faulty)
    return failed


@pytest.fixture
def rows() -> list[hotel.Row]:
    """Return rows with many repetitions, of which a lost one shows only in the counts."""
    return [*hotel.rows(only=40), *[next(r for r in hotel.rows() if is_a(r))] * 60]


def is_a(row: hotel.Row) -> bool:
    return row["reserved_room_type"] == "a"


@pytest.mark.server
def test_lost_calls_are_booked_exactly_once(
    rows: list[hotel.Row], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def booking(number: int) -> str:
        return {2: "before", 7: "after"}.get(number % 10, "busy" if number == 50 else "")

    def reading(number: int) -> str:
        return "after" if number == 3 else ""

    failed = inject_faults(monkeypatch, booking, reading)
    outcome = replay.replay(rows, 1, Storage(tmp_path, str(tmp_path / "booking.db")))
    assert outcome.stored == outcome.file
    assert failed[0]["before"] >= 10
    assert failed[0]["after"] >= 10
    assert (failed[0]["busy"], failed[1]["after"]) == (1, 1)


@pytest.mark.server
def test_repeated_losses_while_reading_end_the_replay(
    rows: list[hotel.Row], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inject_faults(monkeypatch, lambda number: "before" if number == 2 else "", lambda _: "before")
    with pytest.raises(ReplayError, match="the connection was lost 5 times"):
        replay.replay(rows, 1, Storage(tmp_path, str(tmp_path / "booking.db")))


@pytest.mark.server
def test_booking_lost_twice_ends_the_replay(
    rows: list[hotel.Row], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    consumers = len({hotel.booking(row).consumer for row in rows})
    once = inject_faults(
        monkeypatch,
        lambda number: "before" if number == 2 else "",
        lambda number: "before" if number > consumers else "",
    )
    with pytest.raises(ReplayError, match="connections were lost twice"):
        replay.replay(rows, 1, Storage(tmp_path, str(tmp_path / "booking.db")))
    assert [failed["before"] for failed in once] == [1, 1]


@pytest.mark.server
def test_next_port_is_tried_and_refusals_are_reported(
    rows: list[hotel.Row], tmp_path: Path
) -> None:
    bookings = [hotel.booking(row) for row in rows]
    storage = Storage(tmp_path, str(tmp_path / "booking.db"))
    runtimes.upgrade(storage)
    found = runtimes.create_keys(tmp_path, (booking.consumer for booking in bookings))
    with socket.socket() as gone, runtimes.running(1, storage) as ports:
        gone.bind(("127.0.0.1", 0))  # bound but not listening
        dead = gone.getsockname()[1]
        assert replay.book(Clients([dead, *ports], found), bookings)
        assert find_missing(bookings, replay.read(Clients([dead, *ports], found), 1)) == []
        with pytest.raises(ReplayError, match=r"POST /bookings returned 401: .*key"):
            replay.book(Clients(ports, dict.fromkeys(found, "nrv_live_none")), bookings)
        with pytest.raises(ReplayError, match=f"no server listens on port {dead}"):
            replay.book(Clients([dead], found), bookings)
