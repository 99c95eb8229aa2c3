"""A server's CPU time and memory include its whole process tree."""

from __future__ import annotations

import os

from bench import cpu


def test_descendants_include_grandchildren_only_of_the_root() -> None:
    stats = [cpu.Stat(9, 5, 4), cpu.Stat(5, 2, 2), cpu.Stat(2, 1, 1), cpu.Stat(3, 1, 8)]
    assert {stat.pid for stat in cpu.descendants(2, stats)} == {2, 5, 9}


def test_cpu_seconds_agree_with_the_kernel() -> None:
    ours, own = cpu.cpu_seconds(os.getpid()), sum(os.times()[:4])
    while sum(os.times()[:4]) - own < 0.05:
        sum(range(10_000))
    assert 0.03 <= cpu.cpu_seconds(os.getpid()) - ours <= sum(os.times()[:4]) - own + 0.02
