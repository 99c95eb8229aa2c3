"""One `neurova dev` a state folder, whatever became of the one before."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from neurova.errors import ConfigError, StateError
from neurova_platform.dev import lock as dev_lock

HOLDER = """
import sys
from pathlib import Path
from neurova_platform.dev import lock as dev_lock
with dev_lock.held(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_is_told_where_the_first_answers(tmp_path: Path) -> None:
    with dev_lock.held(tmp_path):
        with pytest.raises(ConfigError, match="is starting"), dev_lock.held(tmp_path):
            pass
        (tmp_path / "address").write_text("http://127.0.0.1:1\n")
        with pytest.raises(ConfigError, match=r"answers on http://127\.0\.0\.1:1: "):
            dev_lock.held(tmp_path).__enter__()
        assert (tmp_path / "address").exists()
    with dev_lock.held(tmp_path):
        pass


@pytest.mark.server
def test_one_that_was_killed_holds_nothing_and_its_address_is_gone(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        (tmp_path / "address").write_text("http://127.0.0.1:1\n")
        with pytest.raises(ConfigError):
            dev_lock.held(tmp_path).__enter__()
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with dev_lock.held(tmp_path):
        assert not (tmp_path / "address").exists()


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="cannot be written"):
        dev_lock.held(tmp_path / "none").__enter__()
