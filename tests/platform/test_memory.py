"""Measuring the memory of a process."""

import os
import subprocess
import sys

import pytest

from neurova_platform import memory


@pytest.mark.skipif(not memory.is_measurable(), reason="only Linux reports it")
def test_written_memory_is_resident() -> None:
    before = memory.resident(os.getpid())
    held = bytearray(b"x" * (32 << 20))
    assert memory.resident(os.getpid()) - before > 24 << 20
    assert len(held) == 32 << 20


@pytest.mark.server
def test_exited_process_has_no_memory() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    assert memory.resident(process.pid) == 0
