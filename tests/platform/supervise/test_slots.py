"""Pauses before restarts, and the order of a rolling restart."""

from __future__ import annotations

import pytest

from neurova_platform.supervise.roles import Role
from neurova_platform.supervise.slots import Backoff, RestartPlan, WorkerSlot, create_slots


def test_backoff_grows_to_its_limit() -> None:
    backoff = Backoff()
    assert [backoff.after_exit(0.5) for _ in range(8)] == [0, 0, 0, 0.1, 0.2, 0.4, 0.8, 1]
    assert [backoff.after_exit(60.0) for _ in range(5)] == [0.0] * 5
    backoff.reset()
    waits = [backoff.after_failed_start() for _ in range(10)]
    assert waits == [0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30, 30, 30]
    backoff.reset()
    assert backoff.after_failed_start() == 0.4


@pytest.mark.parametrize(
    ("processes", "names"), [(None, ["relay"]), (1, ["relay 0"]), (2, ["relay 0", "relay 1"])]
)
def test_slots_are_named_by_role(processes: int | None, names: list[str]) -> None:
    slots = create_slots(Role("relay", "none:none", processes=processes), [])
    assert [(slot.name, slot.listener) for slot in slots] == [(name, None) for name in names]


@pytest.fixture
def slots() -> list[WorkerSlot]:
    return create_slots(Role("worker", "none:none", processes=3), [])


def test_restart_replaces_one_slot_at_a_time(slots: list[WorkerSlot]) -> None:
    plan = RestartPlan()
    plan.restart(slots)
    assert plan.begin_next() is slots[0]
    plan.restart(slots)  # replaces all again, including the slot in progress
    assert not plan.finish(slots[0])
    for slot in slots:
        assert plan.begin_next() is slot
        assert plan.begin_next() is None
        assert plan.finish(slot) == (slot is slots[-1])
    assert plan.begin_next() is None


def test_replacing_one_slot_completes_no_restart(slots: list[WorkerSlot]) -> None:
    plan = RestartPlan()
    plan.add(slots[1])
    assert slots[1] in plan
    assert slots[0] not in plan
    assert plan.begin_next() is slots[1]
    assert slots[1] in plan
    assert not plan.finish(slots[1])
    assert slots[1] not in plan


def test_restart_waits_for_a_slot_that_starts(slots: list[WorkerSlot]) -> None:
    plan = RestartPlan()
    plan.restart(slots)
    slots[0].starting = object()  # type: ignore[assignment]  # only its presence counts
    assert plan.begin_next() is None
    slots[0].starting = None
    assert plan.begin_next() is slots[0]


def test_cancelled_plan_is_empty(slots: list[WorkerSlot]) -> None:
    plan = RestartPlan()
    plan.restart(slots)
    plan.begin_next()
    plan.cancel()
    assert plan.begin_next() is None
    plan.restart(slots[:1])
    assert plan.begin_next() is slots[0]
    assert plan.finish(slots[0])
