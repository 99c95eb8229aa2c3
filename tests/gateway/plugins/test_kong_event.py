"""A phase and Kong exchange messages, and neither waits forever."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from neurova_gateway.plugins import kong_event
from neurova_gateway.plugins.kong_event import FAILED, RETURNED, Event
from neurova_gateway.plugins.pdk import Exit, PdkError, PhaseOver


def run_aside(run: Any) -> tuple[threading.Thread, list[Any]]:
    """Run a function in a thread, as a plugin; the list receives its result."""
    out: list[Any] = []

    def work() -> None:
        try:
            out.append(run())
        except BaseException as error:
            out.append(type(error))

    thread = threading.Thread(target=work)
    thread.start()
    return thread, out


def test_pdk_call_returns_kongs_answer() -> None:
    event = Event()
    thread, out = run_aside(lambda: event.call("kong.request.get_header", "a", {}))
    assert event.next_message() == {"Method": "kong.request.get_header", "Args": ["a", []]}
    assert not event.is_over
    event.put_answer("b", None)
    thread.join()
    assert out == ["b"]


def test_kongs_error_is_raised_in_the_plugin() -> None:
    event = Event()
    thread, out = run_aside(lambda: event.call("kong.request.get_header", "a"))
    event.next_message()
    event.put_answer(None, "no")
    thread.join()
    assert out == [PdkError]


def test_exit_ends_the_event() -> None:
    """No later message counts."""
    event = Event()
    with pytest.raises(Exit):
        event.call("kong.response.exit", 403, "no")
    event.end(RETURNED)
    event.end(FAILED)
    assert event.next_message() == {"Method": "kong.response.exit", "Args": [403, "no"]}
    assert event.is_over
    with pytest.raises(PhaseOver):
        event.call("kong.response.exit", 200)


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("kong.response.exit", ("403",)),
        ("kong.response.exit", (403, object())),
        ("kong.response.set_headers", ({"a": "b\n"},)),
        ("kong.service.request.set_headers", ({"a": None},)),
        ("kong.ctx.shared.set", ("nv", object())),
    ],
)
def test_bad_argument(method: str, arguments: tuple[Any, ...]) -> None:
    """An argument that Kong rejects is a fault of the plugin, and the event continues."""
    event = Event()
    with pytest.raises(PdkError):
        event.call(method, *arguments)
    assert not event.is_over


def test_hanging_phase_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kong receives a 503; later messages of the phase are dropped."""
    monkeypatch.setattr(kong_event, "PHASE_SECONDS", 0.01)
    event = Event()
    assert event.next_message() == FAILED
    assert event.is_over
    assert event.is_late
    event.end(RETURNED)
    with pytest.raises(PhaseOver):
        event.call("kong.ctx.shared.set", "nv", {"a": "b"})
    assert event.next_message() == FAILED


def test_phase_ends_when_kong_gave_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kong_event, "STEP_SECONDS", 0.01)
    event = Event()
    with pytest.raises(PhaseOver):
        event.call("kong.request.get_method")
    assert event.is_over
