"""`neurova run` starts the role `events` for projects that need it."""

from __future__ import annotations

from pathlib import Path

import pytest

from neurova_platform.supervise.roles import uses_events


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('@get("/x")', False),
        ("tx.publish(Sold(1))", True),
        ("@on(Sold)", True),
        ('@every("1 hour")', True),
        ('@cron("0 3 * * *")', True),
        ('@post("/x", respond_async=True)', True),
    ],
)
def test_files_that_need_the_role(tmp_path: Path, source: str, expected: bool) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "one.py").write_text(source)
    assert uses_events(tmp_path) is expected
