"""A counter file belongs to one running process; its counts outlive the process."""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import signal
import threading
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from neurova.errors import StateError
from neurova_gateway.metrics import counter_layout
from neurova_gateway.metrics.counter_file import (
    entries,
    open_counter_file,
    read_counter_files,
    remove_unused_counter_files,
)
from neurova_gateway.metrics.counter_layout import CALLS, FAULTS, TIMES


def slots_in_use(folder: Path) -> list[int]:
    return [slot for slot, living, _ in read_counter_files(folder) if living]


def test_living_processes_have_distinct_slots(tmp_path: Path) -> None:
    first, second = open_counter_file(tmp_path / "c"), open_counter_file(tmp_path / "c")
    assert (first.slot, second.slot) == (0, 1)
    first.close()
    third = open_counter_file(tmp_path / "c")
    assert third.slot == 0
    assert slots_in_use(tmp_path / "c") == [0, 1]
    second.close()
    third.close()
    assert slots_in_use(tmp_path / "c") == []


def _count_and_wait(folder: Path, counted: Event) -> None:
    file = open_counter_file(folder)
    file.words[file.offset(CALLS, "a.b\0GET\0200")] += 7
    counted.set()
    signal.pause()


@pytest.mark.server
def test_killed_process_frees_its_slot_and_leaves_counts(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    for round_ in range(1, 4):
        counted = context.Event()
        process = context.Process(target=_count_and_wait, args=(tmp_path, counted))
        process.start()
        assert counted.wait(60)
        assert slots_in_use(tmp_path) == [0]
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        [(slot, living, words)] = list(read_counter_files(tmp_path))
        assert (slot, living) == (0, False)
        [(_, _, at)] = list(entries(words))
        assert words[at] == 7 * round_


def test_entries_are_read_back_from_grown_file(tmp_path: Path) -> None:
    file = open_counter_file(tmp_path)
    wanted = {}
    for length in range(2000):
        for kind in (CALLS, TIMES, FAULTS):
            key = "ü" * (length % 40) + str(length)
            at = file.offset(kind, key)
            file.words[at] = wanted[kind, key] = length + kind
    [(_, _, words)] = list(read_counter_files(tmp_path))
    assert {(kind, key): words[at] for kind, key, at in entries(words)} == wanted
    assert len(words) * 8 > counter_layout.FIRST_BYTES
    file.close()


def test_partial_entry_is_ignored(tmp_path: Path) -> None:
    file = open_counter_file(tmp_path)
    file.offset(CALLS, "a.b\0GET\0200")
    size = file.words[counter_layout.AT_SIZE]
    file.words[file.offset(CALLS, "a.b\0GET\0500")] = 99
    file.words[counter_layout.AT_SIZE] = size  # simulate a death before the last write
    file.close()
    again = open_counter_file(tmp_path)
    assert [key for _, key, _ in entries(again.words)] == ["a.b\0GET\0200"]
    at = again.offset(CALLS, "a.b\0GET\0404")
    assert again.words[at] == 0
    again.close()


def test_file_of_another_layout_is_reset(tmp_path: Path) -> None:
    (tmp_path / "0.counters").write_bytes(b"\1" * counter_layout.FIRST_BYTES)
    file = open_counter_file(tmp_path)
    assert list(entries(file.words)) == []
    file.close()


def test_remove_spares_files_in_use(tmp_path: Path) -> None:
    closed, living = open_counter_file(tmp_path), open_counter_file(tmp_path)
    closed.close()
    remove_unused_counter_files(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["1.counters"]
    living.close()
    remove_unused_counter_files(tmp_path)
    assert list(tmp_path.iterdir()) == []
    remove_unused_counter_files(tmp_path / "missing")


def test_unusable_folder_raises_state_error(tmp_path: Path) -> None:
    (tmp_path / "c").write_text("a file where the folder should be")
    with pytest.raises(StateError, match=r"Cannot write counter files.*free disk space"):
        open_counter_file(tmp_path / "c")


def test_reader_does_not_take_a_slot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader locks each file briefly; a process that starts at that moment waits for it."""
    open_counter_file(tmp_path).close()
    lock, started, threads = fcntl.flock, [], []

    def start() -> None:
        file = open_counter_file(tmp_path)
        started.append(file.slot)
        file.close()

    def locked(descriptor: int, how: int) -> None:
        lock(descriptor, how)
        if how & fcntl.LOCK_NB and not threads:  # the reader holds the lock
            threads.append(threading.Thread(target=start))
            threads[0].start()
            threads[0].join(0.2)  # times out: the thread must wait

    monkeypatch.setattr(fcntl, "flock", locked)
    assert [(slot, living) for slot, living, _ in read_counter_files(tmp_path)] == [(0, False)]
    threads[0].join()
    assert started == [0]
