"""Places of a file are locked among processes, and free when a process dies."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from neurova.database.base import Claimed
from neurova.database.lock_file import LockFile
from neurova.errors import StateError

HOLDER = """
import sys
from pathlib import Path
from neurova.database.lock_file import LockFile
locks = LockFile(Path(sys.argv[1]))
print([locks.attempt(int(place)) for place in sys.argv[2:]], flush=True)
sys.stdin.read()
"""


@contextmanager
def holder(path: Path, *places: int) -> Iterator[subprocess.Popen[str]]:
    """Let another process lock places, until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path), *map(str, places)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == f"{[True] * len(places)}\n"
        yield process
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()


async def take(locks: LockFile, place: int, seconds: float = 20) -> None:
    await locks.take(place, asyncio.get_running_loop().time() + seconds)


@pytest.mark.server
def test_a_place_is_one_processs_and_other_places_are_free(tmp_path: Path) -> None:
    locks = LockFile(tmp_path / "x.lock")
    with holder(tmp_path / "x.lock", 0, 7, 2**62):
        assert not any(locks.attempt(place) for place in (0, 7, 2**62))
        assert all(locks.attempt(place) for place in (1, 6, 8, 2**62 - 1))
        with pytest.raises(Claimed):
            asyncio.run(take(locks, 7, 0.05))
    asyncio.run(take(locks, 7))
    locks.close()


@pytest.mark.server
def test_a_process_that_is_killed_frees_its_places(tmp_path: Path) -> None:
    locks = LockFile(tmp_path / "x.lock")
    with holder(tmp_path / "x.lock", 7) as process:
        assert not locks.attempt(7)
        process.kill()
        asyncio.run(take(locks, 7))
    locks.close()


@pytest.mark.server
def test_a_place_that_is_freed_is_had_by_others_and_the_rest_is_kept(tmp_path: Path) -> None:
    locks = LockFile(tmp_path / "x.lock")
    assert locks.attempt(1)
    assert locks.attempt(2)
    locks.free(1)
    with holder(tmp_path / "x.lock", 1), pytest.raises(AssertionError):  # noqa: SIM117
        with holder(tmp_path / "x.lock", 2):
            pass
    locks.close()
    with holder(tmp_path / "x.lock", 2):
        pass


def test_its_file_is_its_owners_alone_and_stays_empty(tmp_path: Path) -> None:
    locks = LockFile(tmp_path / "x.lock")
    locks.free(1)
    assert not (tmp_path / "x.lock").exists()
    assert locks.attempt(2**62)
    assert (tmp_path / "x.lock").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "x.lock").stat().st_size == 0
    locks.close()
    locks.close()


def test_a_file_that_cannot_be_had_says_the_fix(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="let this user write it and its folder"):
        LockFile(tmp_path / "missing" / "x.lock").attempt(1)
