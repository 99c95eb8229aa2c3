"""Health is quick, tells strangers nothing, and tells the operator what ails what."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.conftest import copy_probe

from neurova.errors import StateError, Unavailable
from neurova_gateway.admin.operations import health
from neurova_gateway.admin.operations.health import Look, Looks
from neurova_gateway.admin.sources import Part
from neurova_platform.admin.server import of_platform
from neurova_platform.testing.platform import TestPlatform


def test_a_platform_that_serves_is_live_and_ready_and_every_part_is_up(
    running: TestPlatform,
) -> None:
    assert running.admin("GET", "/health", headers={"authorization": ""}).json() == {
        "status": "live"
    }
    ready = running.admin("GET", "/health/ready", headers={"authorization": ""})
    assert (ready.status, ready.json()) == (200, {"status": "ready"})
    found = running.admin("GET", "/v1/health").json()
    assert found["ready"] is True
    status = {part["name"]: part["status"] for part in found["parts"]}
    assert [status[name] for name in ("workers", "keys", "limits")] == ["up"] * 3


def test_a_key_store_that_is_gone_is_named_with_the_fix_and_strangers_see_no_more_than_503(
    tmp_path: Path,
) -> None:
    (tmp_path / "databases").mkdir()
    project = copy_probe(tmp_path / "project")
    with TestPlatform(project, tmp_path / "state", tmp_path / "databases") as platform:
        (tmp_path / "state" / "keys.db").unlink()
        ready = platform.admin("GET", "/health/ready", headers={"authorization": ""})
        assert (ready.status, ready.json()) == (503, {"status": "not ready"})
        assert platform.admin("GET", "/health").status == 200
        parts = platform.admin("GET", "/v1/health").json()["parts"]
        [keys] = [part for part in parts if part["name"] == "keys"]
        assert keys["status"] == "unreachable"
        assert "start NEUROVA again" in keys["fix"]
        for method, path in (("GET", "/v1/keys"), ("POST", "/v1/keys/key_x/revoke")):
            answer = platform.admin(method, path)
            assert answer.status == 503
            assert answer.headers["retry-after"] == "1"


def test_behind_a_gateway_keys_and_limits_are_its_own(running: TestPlatform) -> None:
    def refused() -> Any:
        raise Unavailable("keys and limits are kept by the gateway in front: ask its Admin API")

    sources = msgspec.structs.replace(
        of_platform(running.platform, running.reloads),
        embedded=False,
        keys=refused,
        limiter=refused,
    )
    looks = health._needed(sources)
    assert list(looks) == ["workers"]


UP = Part("part", "up")


def test_looks_are_one_at_a_time_and_each_is_good_for_a_while() -> None:
    looks = []

    def look() -> Part:
        looks.append(threading.current_thread())
        return UP

    async def ask() -> None:
        seen = Look("part", look)
        found = await asyncio.gather(*(seen.get() for _ in range(50)))
        assert found == [UP] * 50

    asyncio.run(ask())
    assert len(looks) == 1


def test_a_look_that_hangs_is_told_and_not_taken_twice_and_keeps_no_other_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(health, "PATIENCE", 0.05)
    taken, release = [], threading.Event()

    def hang() -> Part:
        taken.append(1)
        release.wait(60)
        return Part("hanging", "up")

    async def ask() -> None:
        seen = Looks(lambda: {"hanging": hang, "part": lambda: UP})
        for _ in range(3):
            hanging, part = await seen.get()
            assert (hanging.name, hanging.status) == ("hanging", "unreachable")
            assert "no answer" in hanging.says
            assert part == UP
        release.set()
        while (await seen.get())[0].status != "up":
            pass

    asyncio.run(ask())
    assert len(taken) == 1


def test_a_part_that_refuses_is_told_with_its_fix() -> None:
    def look() -> Part:
        raise StateError("a.db: damaged: put a backup in its place")

    found = asyncio.run(Look("database a", look).get())
    assert found == Part("database a", "unreachable", "a.db: damaged", "put a backup in its place")


def test_a_fault_of_its_own_fails_who_asked() -> None:
    def look() -> Part:
        raise RuntimeError("x")

    with pytest.raises(RuntimeError):
        asyncio.run(Look("part", look).get())
