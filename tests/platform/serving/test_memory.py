"""What a process holds is seen to grow, and one that has ended holds nothing."""

import os
import subprocess
import sys

import pytest

from neurova_platform.serving import memory as resident


@pytest.mark.skipif(not resident.measurable(), reason="only Linux says what a process holds")
def test_memory_that_is_written_to_is_held() -> None:
    before = resident.of(os.getpid())
    held = bytearray(b"x" * (32 << 20))
    assert resident.of(os.getpid()) - before > 24 << 20
    assert len(held) == 32 << 20


@pytest.mark.server
def test_one_that_has_ended_holds_nothing() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    assert resident.of(process.pid) == 0
