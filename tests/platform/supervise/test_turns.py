"""One slot at a time is replaced, and a restart is over when all are."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from neurova_platform.supervise.slot import Slot
from neurova_platform.supervise.turns import Turns


@pytest.fixture
def slots() -> Iterator[list[Slot]]:
    with socket.socket() as listener:
        yield [Slot(f"worker {number}", "none:none", listener) for number in range(3)]


def test_the_next_turn_begins_when_the_one_before_has_ended(slots: list[Slot]) -> None:
    turns = Turns()
    turns.restart(slots)
    assert turns.take() is slots[0]
    assert turns.take() is None
    assert not turns.done(slots[0])
    assert turns.take() is slots[1]
    assert not turns.done(slots[1])
    assert turns.take() is slots[2]
    assert turns.done(slots[2])
    assert turns.take() is None


def test_a_second_restart_meanwhile_is_of_all_again(slots: list[Slot]) -> None:
    turns = Turns()
    turns.restart(slots)
    turns.take()
    turns.restart(slots)
    assert not turns.done(slots[0])
    taken = []
    while (slot := turns.take()) is not None:
        taken.append(slot)
        assert turns.done(slot) == (slot is slots[2])
    assert taken == slots


def test_a_single_replacement_is_no_restart(slots: list[Slot]) -> None:
    turns = Turns()
    turns.add(slots[1])
    assert slots[1] in turns
    assert slots[0] not in turns
    assert turns.take() is slots[1]
    assert slots[1] in turns
    assert not turns.done(slots[1])
    assert slots[1] not in turns


def test_a_slot_whose_child_is_just_being_started_is_waited_for(slots: list[Slot]) -> None:
    turns = Turns()
    turns.restart(slots)
    slots[0].coming = object()  # type: ignore[assignment]
    assert turns.take() is None
    slots[0].coming = None
    assert turns.take() is slots[0]


def test_turns_that_are_given_up_are_forgotten(slots: list[Slot]) -> None:
    turns = Turns()
    turns.restart(slots)
    turns.take()
    turns.give_up()
    assert turns.take() is None
    turns.restart(slots[:1])
    assert turns.take() is slots[0]
    assert turns.done(slots[0])
