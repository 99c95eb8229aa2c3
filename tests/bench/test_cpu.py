"""The CPU of a server is that of all its processes and threads, no more and no less."""

from __future__ import annotations

import os

from bench import cpu

LINE = "{pid} (a )( b) S {parent} 1 1 0 -1 4194304 10 20 0 0 {times} 20 0 3 0"


def test_a_command_with_spaces_and_brackets_is_read_over() -> None:
    line = LINE.format(pid=7, parent=3, times="100 20 4 1")
    assert cpu.parse(line) == cpu.Stat(7, 3, 125)


def test_a_tree_holds_grandchildren_and_no_strangers() -> None:
    stats = [cpu.Stat(9, 5, 4), cpu.Stat(5, 2, 2), cpu.Stat(2, 1, 1), cpu.Stat(3, 1, 8)]
    assert {stat.pid for stat in cpu.below(2, stats)} == {2, 5, 9}


def test_a_tree_that_has_ended_is_empty() -> None:
    assert cpu.below(4, [cpu.Stat(2, 1, 1)]) == []


def test_work_shows_as_cpu() -> None:
    """The kernel's own count of this process agrees with ours, to its tick."""
    ours, own = cpu.seconds(os.getpid()), sum(os.times()[:4])
    while sum(os.times()[:4]) - own < 0.05:
        sum(range(10_000))
    assert 0.03 <= cpu.seconds(os.getpid()) - ours <= sum(os.times()[:4]) - own + 0.02


def test_memory_is_in_bytes() -> None:
    before = cpu.resident(os.getpid())
    held = bytearray(os.urandom(1) * (32 << 20))
    assert 24 << 20 <= cpu.resident(os.getpid()) - before <= 64 << 20
    del held
