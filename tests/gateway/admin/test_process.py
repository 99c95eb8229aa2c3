"""What the system says of a process, or that it says nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from neurova_gateway.admin.process import handles, resident

linux = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux says it")


@linux
def test_memory_that_is_held_is_told() -> None:
    before = resident(os.getpid())
    held = bytearray(os.urandom(1 << 20) * 64)
    after = resident(os.getpid())
    assert before is not None
    assert after is not None
    assert after - before > 32 << 20
    assert held


@linux
def test_files_that_are_open_are_told(tmp_path: Path) -> None:
    before = handles(os.getpid())
    assert before is not None
    with (tmp_path / "a").open("w"), (tmp_path / "b").open("w"):
        assert handles(os.getpid()) == before + 2


def test_of_one_that_has_ended_nothing_is_told() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    assert (resident(process.pid), handles(process.pid)) == (None, None)
