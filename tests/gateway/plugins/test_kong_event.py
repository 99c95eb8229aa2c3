"""A phase and Kong talk to each other, and neither waits for ever."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from neurova_gateway.plugins import kong_event
from neurova_gateway.plugins.kong_event import FAILED, RETURNED, Event
from neurova_gateway.plugins.pdk import Exit, PdkError, PhaseOver


def aside(run: Any) -> tuple[threading.Thread, list[Any]]:
    """Run something as a plugin's thread would; the list gets what came of it."""
    out: list[Any] = []

    def work() -> None:
        try:
            out.append(run())
        except BaseException as error:
            out.append(type(error))

    thread = threading.Thread(target=work)
    thread.start()
    return thread, out


def test_question_and_answer() -> None:
    """A PDK call goes to Kong and its answer comes back."""
    event = Event()
    thread, out = aside(lambda: event.called("kong.request.get_header", "a", {}))
    assert event.next() == {"Method": "kong.request.get_header", "Args": ["a", []]}
    assert not event.over
    event.answered("b", None)
    thread.join()
    assert out == ["b"]


def test_kongs_error() -> None:
    """Kong's error is raised in the plugin."""
    event = Event()
    thread, out = aside(lambda: event.called("kong.request.get_header", "a"))
    event.next()
    event.answered(None, "no")
    thread.join()
    assert out == [PdkError]


def test_exit_leaves() -> None:
    """An exit raises, ends the event, and nothing said after it counts."""
    event = Event()
    with pytest.raises(Exit):
        event.called("kong.response.exit", 403, "no")
    event.ended(RETURNED)
    event.ended(FAILED)
    assert event.next() == {"Method": "kong.response.exit", "Args": [403, "no"]}
    assert event.over
    with pytest.raises(PhaseOver):
        event.called("kong.response.exit", 200)


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
    """What Kong would throw at is the plugin's fault, and the event goes on."""
    event = Event()
    with pytest.raises(PdkError):
        event.called(method, *arguments)
    assert not event.over


def test_plugin_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kong gets a 503 in the place of a phase that takes too long; what it says later is lost."""
    monkeypatch.setattr(kong_event, "PHASE_SECONDS", 0.01)
    event = Event()
    assert event.next() == FAILED
    assert event.over
    assert event.late
    event.ended(RETURNED)
    with pytest.raises(PhaseOver):
        event.called("kong.ctx.shared.set", "nv", {"a": "b"})
    assert event.next() == FAILED


def test_kong_that_gave_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plugin whose call Kong has given up is let go."""
    monkeypatch.setattr(kong_event, "STEP_SECONDS", 0.01)
    event = Event()
    with pytest.raises(PhaseOver):
        event.called("kong.request.get_method")
    assert event.over


def test_failed_is_sound() -> None:
    """The answer in a plugin's place is one that Kong takes."""
    assert FAILED["Method"] == "kong.response.exit"
    status, body, headers = FAILED["Args"]
    assert (status, body["status"]) == (503, 503)
    assert headers["retry-after"] == "1"
