"""Programs for checks of releases that are installed beside Python."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.servers.found import missing


def packaged(name: str) -> str:
    """Return the path of a program in a development dependency."""
    beside = Path(sys.executable).parent / name
    if not beside.exists():
        missing(name, "install what tests need: make .venv/.installed-dev")
    return str(beside)
