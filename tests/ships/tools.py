"""Programs for checks of releases: from the environment, or built from Go modules."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.servers.found import missing

MODULES = {
    "actionlint": "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12",
    "compose-go": "github.com/compose-spec/compose-go/v2/cmd@v2.9.1",
    "toxiproxy-server": "github.com/Shopify/toxiproxy/v2/cmd/server@v2.12.0",
}


def cache() -> Path:
    """Return the cache folder of downloads and builds, by version."""
    root = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    folder = Path(root) / "neurova" / "servers"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def packaged(name: str) -> str:
    """Return the path of a program in a development dependency."""
    beside = Path(sys.executable).parent / name
    if not beside.exists():
        missing(name, "install what tests need: make .venv/.installed-dev")
    return str(beside)


def built(name: str) -> str:
    """Return the path of a Go program, built once per version."""
    module = MODULES[name]
    found = shutil.which(name)
    if found:
        return found
    folder = cache() / f"{name}-{module.rpartition('@')[2]}"
    if not (folder / name).exists():
        if shutil.which("go") is None:
            missing(name, "install Go, which builds it, or put it on PATH")
        making = cache() / f"{folder.name}.{os.getpid()}"
        environment = {**os.environ, "GOBIN": str(making), "GOFLAGS": "-modcacherw"}
        subprocess.run(["go", "install", module], check=True, env=environment)
        (program,) = making.iterdir()
        program.rename(making / name)
        if not folder.exists():
            making.rename(folder)
    return str(folder / name)
