"""A real browser for the tests: found or installed, driven by Playwright, without a network."""

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
    """Return where a Chromium is, installed if that may be; the test is skipped without."""
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
    with Path("/tmp/neurova-tests-apt.lock").open("w") as lock:  # one test process at a time
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _on_path() is not None:
            return
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        for command in (["apt-get", "update", "-qq"], [*apt, "chromium"]):
            ran = subprocess.run(command, env=environment, capture_output=True, text=True)
            if ran.returncode:
                missing("Chromium", f"apt-get could not install it: {ran.stderr[-200:]!r}")


@pytest.fixture(scope="module")  # its loop runs on this thread: nobody else's could
def browser() -> Iterator[Browser]:
    """Return a browser; each test makes a context of its own in it."""
    found = binary()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # Nobody else's pages are shown in it: root may do without Chromium's own sandbox.
        started = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield started
        started.close()
