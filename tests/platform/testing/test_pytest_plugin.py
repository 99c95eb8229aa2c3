"""The `platform` fixture runs the project that contains the test."""

import subprocess
import sys
from pathlib import Path

import pytest

TEST = """
def test_first(platform):
    assert platform.get("/items/1", scopes=[]).status == 200
    assert platform.get("/count").json() == {"count": 1}

def test_second_starts_empty(platform):
    assert platform.get("/count").json() == {"count": 0}
"""


@pytest.mark.server
def test_fixture_gives_each_test_its_own_state(probe_project: Path) -> None:
    tests = probe_project / "tests"
    tests.mkdir()
    (tests / "test_probe.py").write_text(TEST)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", str(tests)],
        cwd=probe_project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "2 passed" in done.stdout, done.stdout + done.stderr
