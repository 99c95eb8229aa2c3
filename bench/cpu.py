"""The CPU and memory of a server's process tree, read from /proc."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


class Stat(NamedTuple):
    """The CPU time of one process in `ticks`, including its exited children."""

    pid: int
    parent: int
    ticks: int


def parse_stat(text: str) -> Stat:
    """Parse /proc/<pid>/stat, in which the command may contain spaces and ")"."""
    head, _, tail = text.rpartition(")")
    fields = tail.split()
    return Stat(int(head.split(" ", 1)[0]), int(fields[1]), sum(map(int, fields[11:15])))


def descendants(root: int, stats: Iterable[Stat]) -> list[Stat]:
    """Return the process `root` and its descendants."""
    every = list(stats)
    pids = {root}
    tree: list[Stat] = []
    while True:
        members = [stat for stat in every if stat.pid in pids or stat.parent in pids]
        if len(members) == len(tree):
            return tree
        tree, pids = members, {stat.pid for stat in members}


def process_tree(root: int) -> list[Stat]:
    """Return `root` and its current descendants, none if `root` has exited."""
    stats = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                stats.append(parse_stat((folder / "stat").read_text()))
            except (FileNotFoundError, ProcessLookupError):
                continue  # it has ended
    return descendants(root, stats)


def cpu_seconds(root: int) -> float:
    """Return the CPU seconds (user and system) that the process tree of `root` has used."""
    return sum(stat.ticks for stat in process_tree(root)) / TICK


def resident_bytes(root: int) -> int:
    """Return the resident bytes of the process tree of `root`; shared pages count per process."""
    return sum(
        int(Path(f"/proc/{stat.pid}/statm").read_text().split()[1]) * PAGE
        for stat in process_tree(root)
    )


def resource_usage(root: int) -> tuple[int, int, int]:
    """Return the PSS (bytes), file handles and threads of the process tree of `root`."""
    memory = handles = threads = 0
    for stat in process_tree(root):
        folder = Path(f"/proc/{stat.pid}")
        try:
            rollup = (folder / "smaps_rollup").read_text()
            handles += len(list((folder / "fd").iterdir()))
            threads += len(list((folder / "task").iterdir()))
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended
        memory += 1024 * next(
            int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")
        )
    return memory, handles, threads
