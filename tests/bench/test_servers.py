"""Servers are started on ports that are free, where they are told to run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from bench.servers import Program, alive, free_port, launched, listening, pinned, running


def test_a_free_port_has_no_listener() -> None:
    assert not listening(free_port())


def test_a_program_is_pinned_only_when_asked() -> None:
    assert pinned(("server", "x"), None) == ["server", "x"]
    assert pinned(("server", "x"), 1)[-2:] == ["server", "x"]


@pytest.mark.server
def test_a_server_runs_on_its_port_and_ends_with_the_block(tmp_path: Path) -> None:
    program = Program((sys.executable, "-m", "http.server", "{port}", "-b", "127.0.0.1"), tmp_path)
    with running(program) as server:
        assert listening(server.port)
    assert not alive(server.pid)


@pytest.mark.server
def test_a_server_that_ends_at_once_shows_what_it_said(tmp_path: Path) -> None:
    program = Program((sys.executable, "-c", "raise SystemExit('no such folder')"), tmp_path)
    with pytest.raises(RuntimeError, match="ended before it listened") as raised, running(program):
        pass
    assert "no such folder" in "".join(raised.value.__notes__)


@pytest.mark.server
def test_settings_of_the_environment_do_not_leak_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEUROVA_GATEWAY_LIMIT", "1/day")
    code = "import os; open('seen', 'w').write(str('NEUROVA_GATEWAY_LIMIT' in os.environ))"
    with launched(Program((sys.executable, "-c", code), tmp_path)) as server:
        while alive(server.pid):
            pass
    assert (tmp_path / "seen").read_text() == "False"
