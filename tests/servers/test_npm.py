"""An npm package is installed only once."""

from __future__ import annotations

import pytest
from tests.servers import npm


@pytest.mark.server
def test_a_package_is_laid_out_and_then_found(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = npm.package("fast-deep-equal", "3.1.3")
    assert (folder / "package.json").is_file()
    monkeypatch.setattr(npm.subprocess, "run", None)  # a second install would fail
    assert npm.package("fast-deep-equal", "3.1.3") == folder
