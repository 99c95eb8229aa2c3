"""A real browser for the tests: found or installed, driven by Playwright."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.servers.found import missing

if TYPE_CHECKING:
    from playwright.sync_api import Browser

VARIABLE = "NEUROVA_TEST_CHROMIUM"
NAMES = ("chromium", "chromium-browser", "google-chrome")


def binary() -> str:
    """Return the path of Chromium; install it as root on Debian, else skip the test."""
    named = os.environ.get(VARIABLE) or _on_path()
    if named is None and os.geteuid() == 0 and Path("/etc/debian_version").exists():
        _install()
        named = _on_path()
    if named is None:
        missing("Chromium", f"install it (apt-get install chromium), or set {VARIABLE}")
    return named


def _on_path() -> str | None:
    return next((found for name in NAMES if (found := shutil.which(name))), None)


def _install() -> None:
    apt = ["apt-get", "install", "-y", "-qq", "--no-install-recommends"]
    apt += ["-o", "DPkg::Lock::Timeout=300"]
    with Path("/tmp/neurova-tests-apt.lock").open("w") as lock:  # one installation at a time
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _on_path() is not None:
            return
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        for command in (["apt-get", "update", "-qq"], [*apt, "chromium"]):
            ran = subprocess.run(command, env=environment, capture_output=True, text=True)
            if ran.returncode:
                missing("Chromium", f"apt-get could not install it: {ran.stderr[-200:]!r}")


@pytest.fixture(scope="module")  # Playwright's event loop occupies this thread
def browser() -> Iterator[Browser]:
    """Start a browser; each test creates its own context."""
    found = binary()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # Root needs --no-sandbox; only our own pages are loaded.
        started = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield started
        started.close()
