"""npm packages for tests, installed once into a cache outside the repository."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

from tests.servers.found import missing

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "neurova" / "servers"


def package(name: str, version: str) -> Path:
    """Return the folder of an npm package; without it, skip the test, or fail it in CI.

    Install scripts do not run.
    """
    if shutil.which("node") is None or shutil.which("npm") is None:
        missing(name, "install Node.js (apt-get install nodejs npm)")
    folder = CACHE / "npm" / f"{name.replace('/', '+')}@{version}"
    found = folder / "node_modules" / name
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:  # one test process at a time
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (found / "package.json").is_file():
            wanted = [f"{name}@{version}", "--ignore-scripts", "--no-audit", "--no-fund"]
            got = subprocess.run(
                ["npm", "install", "--silent", "--prefix", folder, *wanted],
                capture_output=True,
                text=True,
            )
            if got.returncode:
                missing(name, f"npm could not get it: {got.stderr[-200:]!r}")
    return found
