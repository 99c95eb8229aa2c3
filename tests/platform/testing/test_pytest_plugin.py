"""The `platform` fixture runs the project that a test lies in."""

import subprocess
import sys
from pathlib import Path

import pytest

TEST = """
def test_first(platform):
    assert platform.get("/items/1", scopes=[]).status == 200
    assert platform.get("/count").json() == {"count": 1}

def test_second_begins_anew(platform):
    assert platform.get("/count").json() == {"count": 0}
"""


@pytest.mark.server
def test_each_test_has_a_platform_of_its_own(probe_project: Path) -> None:
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
