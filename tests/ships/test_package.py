"""Wheel and source distribution can create and serve a project without a checkout."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml

from neurova_platform import http_client
from neurova_platform.scaffold.scaffold import plan_project, write

pytestmark = pytest.mark.server
ROOT = Path(__file__).parents[2]
INSTALL = re.compile(r"```sh\n(.*\n.*\n.*\n)```")
CLEAN = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("NEUROVA_", "PYTHON", "VIRTUAL_ENV"))
} | {"NEUROVA_ADMIN_PORT": "0"}


def run(*words: str | Path, cwd: Path) -> str:
    ran = subprocess.run(words, cwd=cwd, env=CLEAN, capture_output=True, text=True)
    assert ran.returncode == 0, f"{words}: {ran.stdout[-2000:]}{ran.stderr[-2000:]}"
    return ran.stdout


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-d", folder, cwd=ROOT)
    return folder


def names(wheel: Path, cwd: Path) -> set[str]:
    return set(run(sys.executable, "-m", "zipfile", "-l", wheel, cwd=cwd).split())


def test_source_distribution_builds_the_same_wheel(dist: Path) -> None:
    (source,) = dist.glob("*.tar.gz")
    (wheel,) = dist.glob("*.whl")
    with tarfile.open(source) as archive:
        archive.extractall(dist / "source", filter="data")
    (folder,) = (dist / "source").iterdir()
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", dist / "again", cwd=folder)
    (again,) = (dist / "again").iterdir()
    held = {name for name in names(wheel, dist) if "/" in name}
    assert {name for name in names(again, dist) if "/" in name} == held
    assert "neurova_platform/_assets/plugins/neurova_auth.py" in held
    assert not any(name.startswith(("tests/", "bench/", "functions/")) for name in held)


def test_wheel_creates_tests_and_serves_a_project(
    dist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run the first commands of docs/start.md in an environment without packages."""
    (wheel,) = dist.glob("neurova_platform-*.whl")
    # Use locked versions, but install only what the wheel requires.
    locked = re.findall(r"^[\w.-]+==[^ ]+", (ROOT / "requirements-dev.lock").read_text(), re.M)
    (tmp_path / "versions").write_text("\n".join(locked))
    monkeypatch.setitem(CLEAN, "PIP_CONSTRAINT", str(tmp_path / "versions"))
    monkeypatch.setitem(CLEAN, "PATH", f"{sys.base_prefix}/bin:{os.defpath}")
    lines = INSTALL.search((ROOT / "docs" / "start.md").read_text())
    assert lines is not None
    script = lines[1].replace("../neurova", str(wheel))
    assert "2 passed" in run("bash", "-ec", script, cwd=tmp_path)
    demo, neurova = tmp_path / "demo", tmp_path / ".venv" / "bin" / "neurova"
    assert "0.1.0" in run(neurova, "version", cwd=demo)
    made = ("keys", "create", "--consumer", "a", "--scope", "hello:read", "--json")
    key = json.loads(run(neurova, *made, cwd=demo))["key"]
    serving = subprocess.Popen(
        [neurova, "run", "--port", "0", "--json"], cwd=demo, env=CLEAN, stdout=subprocess.PIPE
    )
    assert serving.stdout is not None
    events = map(json.loads, serving.stdout)
    url = next(each["url"] for each in events if each["event"] == "ready")
    answer = http_client.send(url, "GET", "/hello/Ada", {"x-api-key": key}, None)
    assert (answer.status, answer.decoded()) == (200, {"text": "Hello, Ada!"})
    serving.send_signal(signal.SIGTERM)
    serving.communicate(timeout=60)
    assert serving.returncode == 0


def test_pipeline_of_a_new_project_passes(dist: Path, tmp_path: Path) -> None:
    """Run the commands of its workflow that need neither GitHub, Docker nor a cloud."""
    write(tmp_path, plan_project("shop"))
    jobs = yaml.safe_load((tmp_path / ".github/workflows/neurova.yml").read_text())["jobs"]
    steps = [
        step["run"] for job in ("test", "image") for step in jobs[job]["steps"] if "run" in step
    ]
    commands = [each for each in steps if each.startswith("uv ") and ".ci/" not in each]
    assert len(commands) == 5
    path = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "UV_FIND_LINKS": str(dist),
    }
    script = "\n".join(["uv lock", *commands])
    ran = subprocess.run(
        ["bash", "-ec", script], cwd=tmp_path, env=CLEAN | path, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "2 passed" in ran.stdout
    found = json.loads((tmp_path / "build" / "sbom.cdx.json").read_text())
    names = {each["name"] for each in found["components"]}
    assert "neurova-platform" in names
    assert not names & {"pytest", "kubernetes"}  # needed only by tests and deployments
