"""Programs for release checks, installed next to Python."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.servers.found import missing


def packaged(name: str) -> str:
    """Return the path of a program that a development dependency installs."""
    beside = Path(sys.executable).parent / name
    if not beside.exists():
        missing(name, "install what tests need: make .venv/.installed-dev")
    return str(beside)
