"""One `neurova run` a state folder, whatever became of the one before."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from neurova.errors import ConfigError, StateError
from neurova_platform.supervise import run_lock

HOLDER = """
import sys
from pathlib import Path
from neurova_platform.supervise import run_lock
with run_lock.held(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_is_told_who_runs_and_what_to_do(tmp_path: Path) -> None:
    with run_lock.held(tmp_path):
        assert run_lock.holder(tmp_path) == os.getpid()
        with pytest.raises(ConfigError, match=rf"pid {os.getpid()}.*kill -HUP.*--workers"):
            run_lock.held(tmp_path).__enter__()
    assert run_lock.holder(tmp_path) == 0
    with run_lock.held(tmp_path):
        pass


@pytest.mark.server
def test_one_that_was_killed_holds_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        assert run_lock.holder(tmp_path) == holder.pid
        with pytest.raises(ConfigError, match=f"pid {holder.pid}"):
            run_lock.held(tmp_path).__enter__()
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    assert run_lock.holder(tmp_path) == 0
    with run_lock.held(tmp_path):
        pass


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="cannot be written"):
        run_lock.held(tmp_path / "none").__enter__()
