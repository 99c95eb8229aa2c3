"""A connection that is lost books nothing twice, and leaves nothing out."""

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
from examples.replay import hotel, keys, replay, runtimes
from examples.replay.clients import Clients, missing
from examples.replay.errors import ReplayError
from examples.replay.runtimes import Ground

BUSY = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"


def message(stream: BinaryIO) -> bytes:
    """Read one HTTP message whose length its head tells."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = stream.readline()
        if not line:
            return b""
        head += line
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
    return head + stream.read(int(fields.get(b"content-length", b"0")))


class Wire(socketserver.ThreadingTCPServer):
    """Carry calls to a runtime and answers back, but for those that `fault` says it fails."""

    daemon_threads = True

    def __init__(self, runtime: int, fault: Callable[[int], str]) -> None:
        super().__init__(("127.0.0.1", 0), Carrier)
        self.runtime, self.fault, self.number = runtime, fault, count(1)
        self.failed: Counter[str] = Counter()


class Carrier(socketserver.StreamRequestHandler):
    """Carry the calls of one connection."""

    server: Wire

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
def carried(port: int, fault: Callable[[int], str]) -> Iterator[Wire]:
    with Wire(port, fault) as wire:
        thread = threading.Thread(target=wire.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield wire
        finally:
            wire.shutdown()
            thread.join()


def through(monkeypatch: pytest.MonkeyPatch, *faults: Callable[[int], str]) -> list[Counter[str]]:
    """Put a wire before the runtime of each phase; return what will have failed on each."""
    failed: list[Counter[str]] = []
    running, phases = runtimes.running, iter(faults)

    @contextmanager
    def faulty(number: int, ground: Ground) -> Iterator[list[int]]:
        with running(number, ground) as ports, carried(ports[0], next(phases)) as wire:
            failed.append(wire.failed)
            yield [wire.server_address[1]]

    monkeypatch.setattr(runtimes, "running", faulty)
    return failed


@pytest.fixture
def rows() -> list[hotel.Row]:
    """Rows of which many repeat another: a lost one of those can only be told by counting."""
    return [*hotel.rows(only=40), *[next(r for r in hotel.rows() if is_a(r))] * 60]


def is_a(row: hotel.Row) -> bool:
    return row["reserved_room_type"] == "a"


@pytest.mark.server
def test_calls_lost_before_or_after_they_were_answered_are_booked_once(
    rows: list[hotel.Row], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def booking(number: int) -> str:
        return {2: "before", 7: "after"}.get(number % 10, "busy" if number == 50 else "")

    def reading(number: int) -> str:
        return "after" if number == 3 else ""

    failed = through(monkeypatch, booking, reading)
    outcome = replay.replay(rows, 1, Ground(tmp_path, str(tmp_path / "booking.db")))
    assert outcome.read == outcome.file
    assert failed[0]["before"] >= 10
    assert failed[0]["after"] >= 10
    assert (failed[0]["busy"], failed[1]["after"]) == (1, 1)


@pytest.mark.server
def test_connections_that_are_lost_again_and_again_end_the_replay(
    rows: list[hotel.Row], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    through(monkeypatch, lambda number: "before" if number == 2 else "", lambda _: "before")
    with pytest.raises(ReplayError, match="the connection was lost 5 times"):
        replay.replay(rows, 1, Ground(tmp_path, str(tmp_path / "booking.db")))


@pytest.mark.server
def test_a_booking_that_is_lost_twice_ends_the_replay(
    rows: list[hotel.Row], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    consumers = len({hotel.booking(row).consumer for row in rows})
    once = through(
        monkeypatch,
        lambda number: "before" if number == 2 else "",
        lambda number: "before" if number > consumers else "",
    )
    with pytest.raises(ReplayError, match="connections were lost twice"):
        replay.replay(rows, 1, Ground(tmp_path, str(tmp_path / "booking.db")))
    assert [failed["before"] for failed in once] == [1, 1]


@pytest.mark.server
def test_a_runtime_that_is_gone_is_passed_over_and_a_refusal_is_told(
    rows: list[hotel.Row], tmp_path: Path
) -> None:
    bookings = [hotel.booking(row) for row in rows]
    ground = Ground(tmp_path, str(tmp_path / "booking.db"))
    runtimes.upgrade(ground)
    found = keys.create(tmp_path, (booking.consumer for booking in bookings))
    with socket.socket() as gone, runtimes.running(1, ground) as ports:
        gone.bind(("127.0.0.1", 0))  # and nobody listens
        dead = gone.getsockname()[1]
        assert replay.book(Clients([dead, *ports], found), bookings)
        assert missing(bookings, replay.read(Clients([dead, *ports], found), 1)) == []
        with pytest.raises(ReplayError, match=r"POST /bookings was answered 401: .*key"):
            replay.book(Clients(ports, dict.fromkeys(found, "nrv_live_none")), bookings)
        with pytest.raises(ReplayError, match=f"nobody answers on port {dead}"):
            replay.book(Clients([dead], found), bookings)
