"""Idempotency-Keys in a whole platform: keys, limits, clock and files."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path

import pytest

from neurova.idempotency.sweep import sweep
from neurova_platform.testing.platform import TestPlatform
from neurova_platform.testing.response import Response

PUBLIC = '''"""A public route."""

from neurova import post


@post("/public", public=True)
async def public() -> int:
    return 1
'''


@pytest.fixture
def probe_project(probe_project: Path) -> Path:
    (probe_project / "functions" / "probe" / "public.py").write_text(PUBLIC)
    return probe_project


def echo(probe: TestPlatform, text: str = "x", key: str = "k", **options: str) -> Response:
    headers = {"Idempotency-Key": key}
    return probe.post(
        "/echo", json={"text": text}, headers=headers, scopes=["probe:write"], **options
    )


def executions(probe: TestPlatform) -> int:
    return int(probe.get("/count").json()["count"])


def test_replayed_answer_has_the_headers_of_its_own_call(probe: TestPlatform) -> None:
    first, second = echo(probe), echo(probe)
    assert (second.status, second.body) == (first.status, first.body)
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert second.headers.keys() == first.headers.keys() | {"idempotency-replayed"}
    assert executions(probe) == 1


def test_refusal_of_the_gateway_is_not_stored(probe: TestPlatform) -> None:
    headers = {"Idempotency-Key": "k"}
    assert probe.post("/echo", json={"text": "x"}, headers=headers).status == 401
    assert probe.post("/echo", json={}, headers=headers, scopes=["probe:write"]).status == 422
    assert echo(probe, key="a b").status == 400
    assert echo(probe).status == 200
    assert executions(probe) == 1


def test_public_route_refuses_a_key(probe: TestPlatform) -> None:
    refused = probe.post("/public", headers={"Idempotency-Key": "k"})
    assert refused.status == 400
    assert "public route" in refused.json()["detail"]
    assert probe.post("/public").status == 200


def test_stored_answer_expires_after_a_day(probe: TestPlatform) -> None:
    echo(probe)
    (database,) = probe.platform.databases()
    probe.clock.advance(86_399)
    assert echo(probe).headers["idempotency-replayed"] == "true"
    assert probe.run(sweep(database)) == 0
    probe.clock.advance(1)
    assert "idempotency-replayed" not in echo(probe).headers
    assert executions(probe) == 2
    probe.clock.advance(86_400)
    assert probe.run(sweep(database)) == 1


def test_first_key_creates_a_private_database(probe: TestPlatform) -> None:
    """Listing the databases does not create one."""
    file = probe.settings.database("probe")
    probe.post("/echo", json={"text": "x"}, scopes=["probe:write"])
    assert list(probe.platform.databases()) == []
    assert not file.exists()
    echo(probe)
    assert len(list(probe.platform.databases())) == 1
    for created in (file, file.with_name(f"{file.name}.lock")):
        assert stat.S_IMODE(created.stat().st_mode) == 0o600


def test_stored_answers_survive_a_restart(probe_project: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    with TestPlatform(probe_project, state) as first:
        key = first.key("tester", ["probe:write"])
        headers = {"Idempotency-Key": "k"}
        before = first.post("/echo", json={"text": "x"}, headers=headers, key=key)
    with TestPlatform(probe_project, state) as second:
        after = second.post("/echo", json={"text": "x"}, headers=headers, key=key)
        assert (after.status, after.body) == (before.status, before.body)
        assert after.headers["idempotency-replayed"] == "true"
        assert executions(second) == 0


def test_sweeping_runs_until_the_platform_stops(probe: TestPlatform) -> None:
    async def tasks() -> list[str]:
        return [str(task.get_coro()) for task in asyncio.all_tasks()]

    assert any("sweep_periodically" in name for name in probe.run(tasks()))
    probe.run(probe.platform.stop())
    probe.run(asyncio.sleep(0))
    assert not any("sweep_periodically" in name for name in probe.run(tasks()))
