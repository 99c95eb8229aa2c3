"""`neurova version`."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.metadata import version


def test_installed_version_is_shown(cli: Callable[..., object]) -> None:
    assert cli("version").stdout.startswith(f"neurova {version('neurova')}, Python 3.")
    assert json.loads(cli("version", "--json").stdout)["neurova"] == version("neurova")
