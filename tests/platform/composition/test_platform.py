"""The composition root puts together, starts in order, and undoes what it began."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from neurova.errors import LoadError, StateError
from neurova_gateway.metrics.totals import read_totals
from neurova_platform.composition.platform import Platform
from neurova_platform.composition.state import COUNTERS
from neurova_platform.settings import loading as settings

MIGRATION = '''"""One table."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table("things", sa.Column("id", sa.Integer, primary_key=True))
'''


def assembled(project: Path, **options: object) -> Platform:
    loaded = settings.load(project, environ={})
    return Platform(loaded, environment="live", **options)  # type: ignore[arg-type]


async def lived(platform: Platform) -> list[str]:
    await platform.start()
    names = [function.name for function in platform.functions()]
    await platform.stop()
    return names


def test_a_project_is_served_and_let_go(probe_project: Path) -> None:
    platform = assembled(probe_project)
    assert "probe.echo" in asyncio.run(lived(platform))
    assert (probe_project / ".neurova").stat().st_mode & 0o777 == 0o700


def test_it_can_be_started_again(probe_project: Path) -> None:
    for _ in range(2):
        assert asyncio.run(lived(assembled(probe_project)))


def test_a_start_that_fails_leaves_nothing_behind(probe_project: Path) -> None:
    (probe_project / "functions" / "probe" / "bad.py").write_text("import nothing_like_this\n")
    platform = assembled(probe_project)
    with pytest.raises(LoadError, match=r"bad\.py:1"):
        asyncio.run(platform.start())


def test_two_functions_on_one_route_are_named_both(probe_project: Path) -> None:
    other = probe_project / "functions" / "other"
    other.mkdir()
    source = (probe_project / "functions" / "probe" / "count.py").read_text()
    (other / "count.py").write_text(source.replace("from .domain import counted", "counted = []"))
    with pytest.raises(LoadError, match=r"other/count\.py.*probe\.count|probe/count\.py.*other"):
        asyncio.run(assembled(probe_project).start())


def test_run_refuses_a_database_that_is_behind_and_dev_brings_it_up(probe_project: Path) -> None:
    migrations = probe_project / "functions" / "probe" / "migrations"
    migrations.mkdir()
    (migrations / "0001_things.py").write_text(MIGRATION)
    with pytest.raises(StateError, match="neurova db upgrade probe"):
        asyncio.run(assembled(probe_project).start())
    assert asyncio.run(lived(assembled(probe_project, migrate=True)))
    assert asyncio.run(lived(assembled(probe_project)))


def test_what_the_gateway_the_threads_and_a_functions_queue_refuse_is_counted_as_shed(
    probe_project: Path,
) -> None:
    platform = assembled(probe_project)

    def shed() -> int:
        return read_totals(platform.settings.state / COUNTERS).shed

    async def test() -> None:
        await platform.start()
        await asyncio.sleep(0)  # the first sample
        before = shed()
        platform.execution.refusals.count += 1
        platform.execution.thread_pool.refused += 1
        platform.gateway.admission.refused += 1
        while shed() == before:
            await asyncio.sleep(0.01)
        assert shed() == before + 3
        await platform.stop()

    asyncio.run(asyncio.wait_for(test(), 20))
