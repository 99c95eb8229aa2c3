"""Only one health check runs at a time; results are cached, and checks time out."""

from __future__ import annotations

import asyncio
import threading

import pytest

from neurova.errors import StateError
from neurova_gateway.admin import probes
from neurova_gateway.admin.probes import Part, Probe, Probes

UP = Part("part", "up")


async def test_concurrent_requests_share_one_check() -> None:
    checks = []

    def check() -> Part:
        checks.append(1)
        return UP

    probe = Probe("part")
    assert await asyncio.gather(*(probe.get(check) for _ in range(50))) == [UP] * 50
    assert len(checks) == 1


async def test_hanging_check_times_out_and_blocks_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "TIMEOUT", 0.05)
    started, release = [], threading.Event()

    def hang() -> Part:
        started.append(1)
        release.wait(60)
        return Part("hanging", "up")

    all_probes, checks = Probes(), {"hanging": hang, "part": lambda: UP}
    for _ in range(3):
        hanging, part = await all_probes.get(checks)
        assert (hanging.name, hanging.status) == ("hanging", "unreachable")
        assert "no response" in hanging.message
        assert part == UP
    release.set()
    while (await all_probes.get(checks))[0].status != "up":
        pass
    assert len(started) == 1


async def test_error_of_a_check_becomes_message_and_fix() -> None:
    def check() -> Part:
        raise StateError("damaged", where="a.db", fix="restore a backup")

    part = await Probe("database a").get(check)
    assert part == Part("database a", "unreachable", "a.db: damaged", "restore a backup")


async def test_bug_in_a_check_is_raised() -> None:
    def check() -> Part:
        raise RuntimeError("x")

    with pytest.raises(RuntimeError):
        await Probe("part").get(check)
