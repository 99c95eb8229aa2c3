"""A phase and Kong exchange messages, and neither waits forever."""

from __future__ import annotations

import pytest

from neurova_gateway.plugins import kong_event
from neurova_gateway.plugins.kong_event import FAILED, RETURNED, Event
from neurova_gateway.plugins.pdk import Exit, PhaseOver


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
