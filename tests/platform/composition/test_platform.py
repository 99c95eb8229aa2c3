"""The composition root starts all parts in order, and stops them again."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from neurova.database import migrations
from neurova.errors import LoadError, StateError
from neurova_gateway.metrics.totals import read_totals
from neurova_platform.composition.backends import open_database
from neurova_platform.composition.locations import DatabaseLocations
from neurova_platform.composition.platform import Platform
from neurova_platform.composition.state import COUNTERS, prepare
from neurova_platform.settings.loading import load

MIGRATION = '''"""One table."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table("things", sa.Column("id", sa.Integer, primary_key=True))
'''


def create(project: Path, **options: Any) -> Platform:
    return Platform(load(project, environ={}), environment="live", **options)


async def start_and_stop(platform: Platform) -> list[str]:
    await platform.start()
    names = [function.name for function in platform.functions()]
    await platform.stop()
    return names


async def test_platform_starts_and_stops_repeatedly(probe_project: Path) -> None:
    for _ in range(2):
        assert "probe.echo" in await start_and_stop(create(probe_project))
    assert (probe_project / ".neurova").stat().st_mode & 0o777 == 0o700


async def test_unusable_state_folder_names_the_setting(probe_project: Path) -> None:
    (probe_project / ".neurova").write_text("")
    with pytest.raises(StateError, match=r"neurova\.toml"):
        await create(probe_project).start()


async def test_failed_start_stops_what_was_started(probe_project: Path) -> None:
    (probe_project / "functions" / "probe" / "bad.py").write_text("import nothing_like_this\n")
    before = asyncio.all_tasks()
    with pytest.raises(LoadError, match=r"bad\.py:1"):
        await create(probe_project).start()
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before


async def test_route_collision_names_both_functions(probe_project: Path) -> None:
    other = probe_project / "functions" / "other"
    other.mkdir()
    source = (probe_project / "functions" / "probe" / "count.py").read_text()
    (other / "count.py").write_text(source.replace("from .domain import counted", "counted = []"))
    with pytest.raises(LoadError, match=r"other/count\.py.*probe\.count|probe/count\.py.*other"):
        await create(probe_project).start()


async def test_start_migrates_only_when_asked(probe_project: Path) -> None:
    folder = probe_project / "functions" / "probe" / "migrations"
    folder.mkdir()
    (folder / "0001_things.py").write_text(MIGRATION)
    with pytest.raises(StateError, match="neurova db upgrade probe"):
        await create(probe_project).start()
    assert await start_and_stop(create(probe_project, migrate=True))
    assert await start_and_stop(create(probe_project))


@pytest.mark.parametrize("statement", ["SELECT 1", "CREATE TABLE own (id int)"])
async def test_file_created_by_a_call_stops_no_start(probe_project: Path, statement: str) -> None:
    """A service without migrations gets its database file in its first call with a Tx."""
    settings = load(probe_project, environ={})
    prepare(settings.state)
    database = open_database(DatabaseLocations(settings), "probe")
    tx = database.transaction(readonly=False, deadline=asyncio.get_running_loop().time() + 20)
    await tx.execute(text(statement))
    await tx.commit()
    await database.close()
    assert await start_and_stop(create(probe_project))
    assert not migrations.status(settings.state / "probe.db", probe_project / "none").pending


async def test_every_refusal_counts_as_shed(probe_project: Path) -> None:
    platform = create(probe_project)
    await platform.start()
    await asyncio.sleep(0)  # wait for the first sample
    counters = platform.settings.state / COUNTERS
    before = read_totals(counters).shed
    platform.execution.refusals.count += 1
    platform.execution.thread_pool.refused += 1
    platform.gateway.admission.refused += 1
    async with asyncio.timeout(20):
        while read_totals(counters).shed == before:
            await asyncio.sleep(0.01)
    assert read_totals(counters).shed == before + 3
    await platform.stop()
