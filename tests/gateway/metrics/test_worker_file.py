"""A seat is one living process's; what was counted there outlives it."""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import signal
import threading
from pathlib import Path

import pytest

from neurova.errors import StateError
from neurova_gateway.metrics import layout
from neurova_gateway.metrics.layout import CALLS, FAULTS, TIMES
from neurova_gateway.metrics.worker_file import claim, clear, entries, seats


def numbers(folder: Path) -> list[int]:
    return [number for number, living, _ in seats(folder) if living]


def test_those_who_live_together_have_different_seats_and_a_free_one_is_taken_again(
    tmp_path: Path,
) -> None:
    first, second = claim(tmp_path / "c"), claim(tmp_path / "c")
    assert (first.number, second.number) == (0, 1)
    first.close()
    third = claim(tmp_path / "c")
    assert third.number == 0
    assert numbers(tmp_path / "c") == [0, 1]
    second.close()
    third.close()
    assert numbers(tmp_path / "c") == []


def test_the_next_holder_counts_on(tmp_path: Path) -> None:
    for round_ in range(3):
        held = claim(tmp_path)
        at = held.place(CALLS, "a.b\0GET\0200")
        assert held.words[at] == round_ * 5
        held.words[at] += 5
        held.close()


def _sit(folder: Path, sitting: object) -> None:
    held = claim(folder)
    held.words[held.place(CALLS, "a.b\0GET\0200")] += 7
    sitting.set()  # type: ignore[attr-defined]
    signal.pause()


@pytest.mark.server
def test_a_process_that_is_killed_leaves_its_seat_and_its_counts(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    for round_ in range(1, 4):
        sitting = context.Event()
        process = context.Process(target=_sit, args=(tmp_path, sitting))
        process.start()
        assert sitting.wait(60)
        assert numbers(tmp_path) == [0]
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        [(number, living, words)] = list(seats(tmp_path))
        assert (number, living) == (0, False)
        [(_, _, at)] = list(entries(words))
        assert words[at] == 7 * round_


def test_keys_of_all_lengths_and_kinds_are_read_back_and_the_file_grows(tmp_path: Path) -> None:
    held = claim(tmp_path)
    wanted = {}
    for length in range(2000):
        for kind in (CALLS, TIMES, FAULTS):
            key = "ü" * (length % 40) + str(length)
            at = held.place(kind, key)
            held.words[at] = wanted[kind, key] = length + kind
    [(_, _, words)] = list(seats(tmp_path))
    assert {(kind, key): words[at] for kind, key, at in entries(words)} == wanted
    assert len(words) * 8 > layout.FIRST_BYTES
    held.close()


def test_beyond_its_bound_there_is_no_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout, "MOST_BYTES", layout.FIRST_BYTES)
    held = claim(tmp_path)
    places = [held.place(TIMES, f"a.{number}") for number in range(1000)]
    assert 0 in places
    assert all(place == 0 for place in places[places.index(0) :])
    assert held.place(TIMES, "a.0") == places[0]
    held.close()


def test_an_entry_that_was_not_finished_is_not_there(tmp_path: Path) -> None:
    held = claim(tmp_path)
    held.place(CALLS, "a.b\0GET\0200")
    size = held.words[layout.AT_SIZE]
    held.words[held.place(CALLS, "a.b\0GET\0500")] = 99
    held.words[layout.AT_SIZE] = size  # as if it had died before its last write
    held.close()
    again = claim(tmp_path)
    assert [key for _, key, _ in entries(again.words)] == ["a.b\0GET\0200"]
    at = again.place(CALLS, "a.b\0GET\0404")
    assert again.words[at] == 0
    again.close()


def test_a_file_of_another_layout_is_laid_anew(tmp_path: Path) -> None:
    (tmp_path / "0.seat").write_bytes(b"\1" * layout.FIRST_BYTES)
    held = claim(tmp_path)
    assert list(entries(held.words)) == []
    held.close()


def test_to_clear_spares_who_lives(tmp_path: Path) -> None:
    gone, living = claim(tmp_path), claim(tmp_path)
    gone.close()
    clear(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["1.seat"]
    living.close()
    clear(tmp_path)
    assert list(tmp_path.iterdir()) == []
    clear(tmp_path / "missing")


def test_a_folder_that_cannot_be_is_said_with_the_fix(tmp_path: Path) -> None:
    (tmp_path / "c").write_text("in the way")
    with pytest.raises(StateError, match=r"counted there.*make room"):
        claim(tmp_path / "c")


def test_a_look_from_outside_keeps_nobody_from_sitting_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look locks a seat for a moment: who claims meanwhile waits, and does not pass it over."""
    claim(tmp_path).close()
    lock, sat, threads = fcntl.flock, [], []

    def sit() -> None:
        held = claim(tmp_path)
        sat.append(held.number)
        held.close()

    def locked(descriptor: int, how: int) -> None:
        lock(descriptor, how)
        if how & fcntl.LOCK_NB and not threads:  # the look has the seat's lock
            threads.append(threading.Thread(target=sit))
            threads[0].start()
            threads[0].join(0.2)  # it must wait, so this ends without it

    monkeypatch.setattr(fcntl, "flock", locked)
    assert [(number, living) for number, living, _ in seats(tmp_path)] == [(0, False)]
    threads[0].join()
    assert sat == [0]


def test_what_is_read_is_private(tmp_path: Path) -> None:
    held = claim(tmp_path / "c")
    assert (tmp_path / "c").stat().st_mode & 0o077 == 0
    assert (tmp_path / "c" / "0.seat").stat().st_mode & 0o077 == 0
    held.close()
