"""A real browser for the tests: found or installed, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from tests.servers.apt import can_install, installing
from tests.servers.found import missing

if TYPE_CHECKING:
    from playwright.sync_api import Browser

VARIABLE = "NEUROVA_TEST_CHROMIUM"
NAMES = ("chromium", "chromium-browser", "google-chrome")


def binary() -> str:
    """Return the path of Chromium; install it on Debian as root, else skip the test."""
    named = os.environ.get(VARIABLE) or _on_path()
    if named is None and can_install():
        _install()
        named = _on_path()
    if named is None:
        missing("Chromium", f"install it (apt-get install chromium), or set {VARIABLE}")
    return named


def _on_path() -> str | None:
    return next((found for name in NAMES if (found := shutil.which(name))), None)


def _install() -> None:
    with installing("Chromium", _on_path) as install:
        if install is not None:
            install("chromium")


@pytest.fixture(scope="module")  # module scope: Playwright's event loop blocks this thread
def browser() -> Iterator[Browser]:
    """Start a browser; each test creates its own context."""
    found = binary()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # Root needs --no-sandbox; only our own pages are loaded.
        started = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield started
        started.close()
