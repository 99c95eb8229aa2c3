"""A phase and Kong exchange messages, and neither waits forever."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import msgpack
import pytest

from neurova_gateway.plugins import kong_event
from neurova_gateway.plugins.kong_connection import Connection, Rpc
from neurova_gateway.plugins.kong_event import FAILED, RETURNED, Event, Threads
from neurova_gateway.plugins.pdk import Exit, PhaseOver

BEGIN = [0, 1, "plugin.HandleEvent", [{}]]
METHOD = {"Method": "kong.request.get_method", "Args": []}


class Peer:
    """Kong's end of a connection, and the connections that the event handed to other threads."""

    def __init__(self) -> None:
        self.end, self.socket = socket.socketpair()
        self.end.settimeout(5)
        self.connection = Connection(self.socket)
        self.passed: list[tuple[Connection, Rpc | None]] = []
        self.send(BEGIN)
        self.connection.receive()

    def event(self) -> Event:
        return Event(7, self.connection, lambda *what: self.passed.append(what))

    def send(self, message: Any) -> None:
        self.end.sendall(msgpack.packb(message))

    def step(self, number: int, value: Any) -> None:
        self.send([0, number, "plugin.Step", [{"EventId": 7, "Data": value}]])

    def receive(self) -> Any:
        return msgpack.unpackb(self.end.recv(4096))

    def close(self) -> None:
        self.end.close()
        self.connection.close()
        self.connection.wait_until_closed()
        self.socket.close()


@pytest.fixture
def peer() -> Iterator[Peer]:
    """Yield a connection on which an event has begun."""
    made = Peer()
    yield made
    made.close()


@pytest.fixture
def other() -> Iterator[Peer]:
    """Yield another connection of the same Kong."""
    made = Peer()
    yield made
    made.close()


def answer(number: int, message: Any) -> list[Any]:
    return [1, number, None, {"Data": message, "EventId": 7}]


def test_step_by_the_same_connection_is_answered_in_this_thread(peer: Peer) -> None:
    event = peer.event()
    peer.step(2, "GET")
    assert event.call("kong.request.get_method") == "GET"
    assert peer.receive() == answer(1, METHOD)
    event.end(RETURNED)
    assert peer.receive() == answer(2, RETURNED)
    assert event.reads
    assert peer.passed == []


def test_step_by_another_connection_is_answered_there(peer: Peer, other: Peer) -> None:
    """The event still reads its own connection, in either order of the two threads' waits."""
    event = peer.event()
    step = Rpc(1, "plugin.Step", [{"EventId": 7, "Data": "GET"}])

    def answer_elsewhere() -> None:
        assert peer.receive() == answer(1, METHOD)
        event.put_answer(step, other.connection)

    thread = threading.Thread(target=answer_elsewhere)
    thread.start()
    peer.connection.wake()  # a late wake-up meant for an earlier event
    assert event.call("kong.request.get_method") == "GET"
    thread.join()
    event.end(RETURNED)
    assert other.receive() == answer(1, RETURNED)
    assert event.reads


def test_connection_is_passed_on_when_kong_uses_it_for_another_event(
    peer: Peer, other: Peer
) -> None:
    event = peer.event()
    peer.send([0, 2, "plugin.HandleEvent", [{"InstanceId": 1}]])
    threads = Threads()
    step = Rpc(1, "plugin.Step", [{"EventId": 7, "Data": "GET"}])

    def pass_on(connection: Connection, rpc: Rpc | None) -> None:
        peer.passed.append((connection, rpc))
        threads.run(lambda: event.put_answer(step, other.connection))

    event._serve = pass_on
    assert event.call("kong.request.get_method") == "GET"
    assert peer.receive() == answer(1, METHOD)
    assert [rpc.number for _, rpc in peer.passed if rpc] == [2]
    event.end(RETURNED)
    assert other.receive() == answer(1, RETURNED)
    assert not event.reads


def test_exit_ends_the_event(peer: Peer) -> None:
    """All later messages are ignored."""
    event = peer.event()
    with pytest.raises(Exit):
        event.call("kong.response.exit", 403, "no")
    event.end(RETURNED)
    event.end(FAILED)
    assert peer.receive() == answer(1, {"Method": "kong.response.exit", "Args": [403, "no"]})
    assert event.is_over
    with pytest.raises(PhaseOver):
        event.call("kong.response.exit", 200)
    assert event.reads


def test_hanging_phase_is_answered(peer: Peer) -> None:
    """Kong receives a 503, another thread reads the connection, later messages are dropped."""
    event = peer.event()
    assert event.expire()
    assert not event.expire()
    assert peer.receive() == answer(1, FAILED)
    assert peer.passed == [(peer.connection, None)]
    event.end(RETURNED)
    with pytest.raises(PhaseOver):
        event.call("kong.ctx.shared.set", "nv", {"a": "b"})
    assert not event.reads


def test_phase_that_answers_at_its_deadline_loses_its_connection_once(peer: Peer) -> None:
    """Either the phase or its deadline responds, and only one thread reads the connection."""
    event = peer.event()
    event.end(RETURNED)
    assert not event.expire()
    assert event.reads
    assert peer.passed == []
    assert peer.receive() == answer(1, RETURNED)


def test_phase_ends_when_kong_gave_up(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kong_event, "STEP_SECONDS", 0.01)
    event = peer.event()
    with pytest.raises(PhaseOver):
        event.call("kong.request.get_method")
    assert event.is_over
    assert event.reads


def test_calls_of_another_thread_are_refused(peer: Peer) -> None:
    event = peer.event()
    raised: list[type[BaseException]] = []

    def call() -> None:
        try:
            event.call("kong.request.get_method")
        except PhaseOver as error:
            raised.append(type(error))

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    assert raised == [PhaseOver]


def test_junk_ends_the_connection(peer: Peer) -> None:
    peer.end.sendall(b"\xc1\xc1\xc1")
    assert peer.connection.receive() is None
