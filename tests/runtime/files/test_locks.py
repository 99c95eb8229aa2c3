"""Locks between processes; a process that ends releases its locks."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from neurova.errors import ConfigError, StateError
from neurova.files.locks import ByteLocks, folder_lock, process_lock, process_lock_owner

HOLD_BYTES = """
    import sys
    from pathlib import Path
    from neurova.files.locks import ByteLocks
    locks = ByteLocks(Path(sys.argv[1]))
    print(all([locks.try_lock(int(offset)) for offset in sys.argv[2:]]), flush=True)
    sys.stdin.read()
"""
HOLD_PROCESS_LOCK = """
    import sys
    from pathlib import Path
    from neurova.files.locks import process_lock
    with process_lock(Path(sys.argv[1]), "neurova run", "stop it"):
        print(True, flush=True)
        sys.stdin.read()
"""


@contextmanager
def other_process(code: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Run `code` in another process until its stdin closes; it prints whether it got its locks."""
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "True\n"
        yield process


async def lock(locks: ByteLocks, offset: int, seconds: float = 20) -> None:
    await locks.lock(offset, asyncio.get_running_loop().time() + seconds)


def is_folder_locked(folder: Path) -> bool:
    code = "import fcntl, os, sys; fcntl.flock(os.open(sys.argv[1], 0), 6)"  # LOCK_EX | LOCK_NB
    return (
        subprocess.run([sys.executable, "-c", code, folder], stderr=subprocess.DEVNULL).returncode
        > 0
    )


def test_folder_lock_is_released_after_an_error(tmp_path: Path) -> None:
    with suppress(KeyError), folder_lock(tmp_path):
        assert is_folder_locked(tmp_path)
        raise KeyError
    assert not is_folder_locked(tmp_path)
    with pytest.raises(FileNotFoundError), folder_lock(tmp_path / "none"):
        pass


def test_second_process_lock_names_the_owner(tmp_path: Path) -> None:
    path = tmp_path / "run.lock"
    with process_lock(path, "neurova run", "stop it"):
        assert path.stat().st_mode & 0o777 == 0o600
        assert process_lock_owner(path) == os.getpid()
        with pytest.raises(ConfigError) as raised, process_lock(path, "neurova run", "kill PID"):
            pass
        assert str(raised.value) == (
            f"{tmp_path}: another `neurova run` runs (pid {os.getpid()}): kill {os.getpid()}"
        )
    assert process_lock_owner(path) == 0
    with process_lock(path, "neurova run", "stop it"):
        pass


@pytest.mark.server
def test_killed_process_releases_its_lock(tmp_path: Path) -> None:
    path = tmp_path / "run.lock"
    with other_process(HOLD_PROCESS_LOCK, path) as process:
        assert process_lock_owner(path) == process.pid
        with pytest.raises(ConfigError), process_lock(path, "neurova run", "stop it"):
            pass
        process.kill()
        process.wait()
    assert process_lock_owner(path) == 0
    with process_lock(path, "neurova run", "stop it"):
        pass


def test_lock_file_that_cannot_be_created_is_reported(tmp_path: Path) -> None:
    missing = tmp_path / "none" / "x.lock"
    with pytest.raises(StateError, match="let this user write"), process_lock(missing, "", ""):
        pass
    with pytest.raises(StateError, match="let this user write"):
        ByteLocks(missing).try_lock(1)


@pytest.mark.server
async def test_byte_lock_excludes_others_until_killed(tmp_path: Path) -> None:
    locks = ByteLocks(tmp_path / "x.lock")
    with other_process(HOLD_BYTES, locks.path, 0, 7, 2**62) as process:
        assert not any(locks.try_lock(offset) for offset in (0, 7, 2**62))
        assert all(locks.try_lock(offset) for offset in (1, 6, 8, 2**62 - 1))
        with pytest.raises(TimeoutError):
            await lock(locks, 7, 0.05)
        process.kill()
        await lock(locks, 7)
    locks.close()


@pytest.mark.server
def test_unlock_releases_one_byte_and_close_all(tmp_path: Path) -> None:
    locks = ByteLocks(tmp_path / "x.lock")
    assert locks.try_lock(1)
    assert locks.try_lock(2)
    locks.unlock(1)
    with other_process(HOLD_BYTES, locks.path, 1):
        pass
    with pytest.raises(AssertionError), other_process(HOLD_BYTES, locks.path, 2):
        pass
    locks.close()
    with other_process(HOLD_BYTES, locks.path, 2):
        pass


def test_lock_file_is_private_and_stays_empty(tmp_path: Path) -> None:
    locks = ByteLocks(tmp_path / "x.lock")
    locks.unlock(1)
    assert not locks.path.exists()
    assert locks.try_lock(2**62)
    assert locks.path.stat().st_mode & 0o777 == 0o600
    assert locks.path.stat().st_size == 0
    locks.close()
    locks.close()
