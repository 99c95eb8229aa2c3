"""A platform in a test: whole, its own, with a clock that moves."""

from __future__ import annotations

from typing import Any

import pytest

from neurova import testing
from neurova_platform.testing.platform import Clock, TestPlatform


def test_a_call_without_a_key_is_nobodys_and_scopes_make_one(probe: TestPlatform) -> None:
    assert probe.post("/echo", json={"text": "x"}).status == 401
    assert probe.post("/echo", json={"text": "x"}, scopes=["other"]).status == 403
    assert probe.post("/echo", json={"text": "x"}, scopes=["probe:write"]).json()["text"] == "x"
    assert probe.get("/items/1", scopes=[], consumer="acme").json()["consumer"] == "acme"


def test_limits_go_by_the_clock_that_moves(probe: TestPlatform) -> None:
    key = probe.key(limits="2/minute")
    assert [probe.get("/items/1", key=key).status for _ in range(3)] == [200, 200, 429]
    probe.clock.advance(61)
    assert probe.get("/items/1", key=key).status == 200


def test_a_key_ends_by_the_clock_that_moves(probe: TestPlatform) -> None:
    key = probe.key(expires_in=60)
    assert probe.get("/items/1", key=key).status == 200
    probe.clock.advance(61)
    assert probe.get("/items/1", key=key).status == 401


def test_calls_can_be_made_together(probe: TestPlatform) -> None:
    answers = probe.together(probe.acall("GET", f"/wait/{ms}") for ms in (20, 10, 0))
    assert [answer.json()["waited"] for answer in answers] == [20, 10, 0]


def test_what_the_fixture_offers_is_what_its_type_says() -> None:
    offered = {name for name in vars(TestPlatform) if not name.startswith("_")}
    assert "admin" in offered
    assert offered - set(vars(testing.Platform)) == set()


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), float("-inf"), 1e300])
def test_the_clock_only_goes_forward_and_to_a_time_that_is_one(seconds: float) -> None:
    clock = Clock()
    with pytest.raises(ValueError, match="forward"):
        clock.advance(seconds)
    assert clock.nanoseconds() > 0


@pytest.mark.parametrize("body", ["text", None])
def test_a_body_that_is_no_octets_is_refused_with_the_fix(probe: TestPlatform, body: Any) -> None:
    for ask in (probe.call, probe.admin):
        with pytest.raises(TypeError, match=r"body=: bytes, not .*: encode a text, or give json="):
            ask("POST", "/echo", body=body)


def test_a_database_that_the_project_keeps_elsewhere_is_left_alone(probe_project, tmp_path) -> None:
    kept = probe_project / "data" / "probe.db"
    kept.parent.mkdir()
    kept.write_bytes(b"")
    (probe_project / "neurova.toml").write_text('[services.probe]\ndatabase = "data/probe.db"\n')
    (tmp_path / "databases").mkdir()
    with TestPlatform(probe_project, tmp_path / "state", tmp_path / "databases") as running:
        database = running.settings.database("probe")
    assert database.parent == tmp_path / "state"
    assert kept.read_bytes() == b""


def test_all_calls_until_now_are_on_record(probe: TestPlatform) -> None:
    probe.get("/count")
    probe.get("/items/1", scopes=[], consumer="acme")
    assert [(record.route, record.status, record.consumer) for record in probe.records()] == [
        ("probe.count", 200, ""),
        ("probe.item", 200, "acme"),
    ]


def test_a_function_that_raises_is_a_500_and_its_traceback_is_in_the_log(
    probe: TestPlatform, probe_project, caplog
) -> None:
    (probe_project / "functions" / "probe" / "broken.py").write_text(
        "from neurova import get\n\n\n"
        '@get("/broken", public=True)\nasync def broken() -> None:\n'
        '    raise ValueError("secret")\n'
    )
    probe.platform.load()
    answer = probe.get("/broken")
    assert answer.status == 500
    assert b"secret" not in answer.body
    assert "ValueError: secret" in caplog.text
