"""The test platform: keys, scopes, the clock, records, and its own databases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from neurova_platform.testing.platform import TestPlatform


@pytest.mark.parametrize(
    ("rights", "statuses"), [({"limits": "1/minute"}, [429, 200]), ({"expires_in": 60}, [200, 401])]
)
def test_limits_and_expiry_follow_the_clock(
    probe: TestPlatform, rights: dict[str, Any], statuses: list[int]
) -> None:
    key = probe.key(**rights)
    assert probe.get("/items/1", key=key).status == 200
    before = probe.get("/items/1", key=key).status
    probe.clock.advance(61)
    assert [before, probe.get("/items/1", key=key).status] == statuses


def test_together_returns_answers_in_order(probe: TestPlatform) -> None:
    answers = probe.together(probe.acall("GET", f"/wait/{ms}") for ms in (20, 10, 0))
    assert [answer.json()["waited"] for answer in answers] == [20, 10, 0]


@pytest.mark.parametrize("body", ["text", None])
def test_body_that_is_not_bytes_is_refused(probe: TestPlatform, body: Any) -> None:
    for call in (probe.call, probe.admin):
        with pytest.raises(TypeError, match=r"body= must be bytes, not .*: encode it, or use json"):
            call("POST", "/echo", body=body)


def test_configured_database_is_left_alone(probe_project: Path, tmp_path: Path) -> None:
    configured = probe_project / "data" / "probe.db"
    configured.parent.mkdir()
    configured.write_bytes(b"")
    (probe_project / "neurova.toml").write_text('[services.probe]\ndatabase = "data/probe.db"\n')
    with TestPlatform(probe_project, tmp_path / "state") as running:
        database = running.settings.database("probe")
    assert isinstance(database, Path)
    assert database.parent == tmp_path / "state"
    assert configured.read_bytes() == b""


def test_records_hold_all_calls(probe: TestPlatform) -> None:
    probe.get("/count")
    probe.get("/items/1", scopes=[], consumer="acme")
    assert [(record.route, record.status, record.consumer) for record in probe.records()] == [
        ("probe.count", 200, ""),
        ("probe.item", 200, "acme"),
    ]
