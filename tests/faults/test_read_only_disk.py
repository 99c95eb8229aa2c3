"""`neurova run` on a read-only project writes to the state folder only."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest
from tests.serving import NEUROVA, serving

from neurova_platform import http_client

pytestmark = pytest.mark.server

# Root ignores file permissions unless this capability is dropped.
PREFIX = ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override"]
IS_ROOT = os.geteuid() == 0


@pytest.mark.skipif(IS_ROOT and not shutil.which("setpriv"), reason="needs setpriv")
def test_run_writes_only_to_the_state_folder(probe_project: Path, tmp_path: Path) -> None:
    before, state = set(probe_project.rglob("*")), tmp_path / "state"
    folders = [probe_project, *(path for path in before if path.is_dir())]
    variables = {
        "NEUROVA_PROJECT_STATE": str(state),
        "TMPDIR": str(probe_project),
        "HOME": str(probe_project),
    }
    for folder in folders:
        folder.chmod(0o555)
    try:
        prefix = PREFIX if IS_ROOT else []
        with serving(probe_project, "run", command=[*prefix, NEUROVA], variables=variables) as run:
            url = run.event("ready")["url"]
            assert http_client.send(url, "GET", "/count", {}, None).status == 200
            assert run.end(signal.SIGTERM) == (0, "")
    finally:
        for folder in folders:
            folder.chmod(0o755)
    assert set(probe_project.rglob("*")) == before
    assert (state / "logs" / "access.jsonl").is_file()
