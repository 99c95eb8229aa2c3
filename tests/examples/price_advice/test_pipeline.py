"""From a clean copy, the price advice pipeline yields the same figures and registers a version."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from examples.price_advice.data import parameters

ROOT = Path(__file__).parents[3]
METRICS = Path("examples") / "price_advice" / "metrics.json"
NEUROVA = Path(sys.executable).with_name("neurova")


@pytest.mark.server
def test_clean_copy_gives_the_committed_metrics_and_a_version(tmp_path: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__", "build", "dvc.lock", "metrics.json", "tmp")
    for name in ("examples", "functions"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    (tmp_path / "neurova.toml").write_text("")
    train = [NEUROVA, "model", "train", "examples/price_advice", "--json"]
    done = subprocess.run(train, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / METRICS).read_text() == (ROOT / METRICS).read_text()
    listed = subprocess.run(
        [NEUROVA, "model", "list", "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    [version] = json.loads(listed.stdout)
    assert sorted(version["tags"]) == ["code", "data"]


def test_model_beats_the_baseline_by_15_percent() -> None:
    metrics = json.loads((ROOT / METRICS).read_text())
    low, high = metrics["improvement_interval"]
    assert 0.15 <= low <= metrics["improvement"] <= high
    assert metrics["mae"] < 0.85 * min(metrics["baseline"].values())


def test_model_is_chosen_by_training_months_only() -> None:
    options = parameters()
    chosen = json.loads((ROOT / METRICS).read_text())["validation"]
    assert options["train"]["validation"] < options["split"]
    assert chosen["mae"].keys() == options["train"]["candidates"].keys()
    assert chosen["chosen"] == min(chosen["mae"], key=chosen["mae"].get)
