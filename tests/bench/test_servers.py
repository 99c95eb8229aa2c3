"""Servers start on free ports and leave no process behind."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from bench.servers import Program, is_alive, is_listening, running, started


@pytest.mark.server
def test_server_runs_until_the_end_of_the_block(tmp_path: Path) -> None:
    program = Program((sys.executable, "-m", "http.server", "{port}", "-b", "127.0.0.1"), tmp_path)
    with running(program) as server:
        assert is_listening(server.port)
    assert not is_alive(server.pid)


@pytest.mark.server
def test_output_of_a_failed_start_is_shown(tmp_path: Path) -> None:
    program = Program((sys.executable, "-c", "raise SystemExit('no such folder')"), tmp_path)
    with pytest.raises(RuntimeError, match="ended before it listened") as raised, running(program):
        pass
    assert "no such folder" in "".join(raised.value.__notes__)


@pytest.mark.server
def test_neurova_variables_are_not_inherited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEUROVA_GATEWAY_LIMIT", "1/day")
    code = "import os; open('leaked', 'w').write(str('NEUROVA_GATEWAY_LIMIT' in os.environ))"
    with started(Program((sys.executable, "-c", code), tmp_path)) as server:
        while is_alive(server.pid):
            pass
    assert (tmp_path / "leaked").read_text() == "False"
