"""A saved service goes live whole, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from watchfiles import Change

from neurova.errors import LoadError
from neurova_platform.reload import reload, saved, services_of
from neurova_platform.testing import TestPlatform


def test_changed_files_are_their_services(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    changes = [
        (Change.modified, str(tmp_path / "a" / "x.py")),
        (Change.added, str(tmp_path / "a" / "deep" / "y.py")),
        (Change.deleted, str(tmp_path / "b" / "z.py")),
        (Change.modified, str(tmp_path / "loose.py")),
    ]
    assert services_of(tmp_path, changes) == ["a", "b"]


def test_a_new_folder_is_told_of_though_its_files_came_before_its_watch(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "file.txt").write_text("")
    assert saved(Change.added, str(tmp_path / "new"))
    assert not saved(Change.modified, str(tmp_path / "new"))
    (tmp_path / "new" / "__pycache__").mkdir()
    assert not saved(Change.added, str(tmp_path / "new" / "__pycache__"))
    assert not saved(Change.added, str(tmp_path / "file.txt"))
    assert services_of(tmp_path, [(Change.added, str(tmp_path / "new"))]) == ["new"]


def test_a_linked_service_is_one_by_its_own_name(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "functions", tmp_path / "elsewhere"
    root.mkdir()
    elsewhere.mkdir()
    (root / "linked").symlink_to(elsewhere)
    changes = [
        (Change.modified, str(root / "linked" / "x.py")),
        (Change.modified, str(elsewhere / "x.py")),
    ]
    assert services_of(root, changes) == ["linked"]


def save(platform: TestPlatform, project: Path, name: str, source: str) -> None:
    (project / "functions" / "probe" / name).write_text(source)
    platform._runner.run(reload(platform.platform, "probe"))


GREET = """from neurova import get


@get("/greet", public=True)
async def greet() -> str:
    return "{word}"
"""


def test_a_new_file_is_live_and_a_changed_one_changes(
    probe: TestPlatform, probe_project: Path
) -> None:
    assert probe.get("/greet").status == 404
    save(probe, probe_project, "greet.py", GREET.format(word="hello"))
    assert probe.get("/greet").text == "hello"
    save(probe, probe_project, "greet.py", GREET.format(word="good day"))
    assert probe.get("/greet").text == "good day"


def test_a_mistake_leaves_the_last_good_version_serving(
    probe: TestPlatform, probe_project: Path
) -> None:
    save(probe, probe_project, "greet.py", GREET.format(word="hello"))
    with pytest.raises(LoadError, match=r"greet\.py:2"):
        save(probe, probe_project, "greet.py", "\nthis is no python\n")
    assert probe.get("/greet").text == "hello"
    assert probe.get("/count").status == 200


def test_a_route_that_is_taken_leaves_all_as_it_was(
    probe: TestPlatform, probe_project: Path
) -> None:
    with pytest.raises(LoadError, match="/count"):
        save(probe, probe_project, "greet.py", GREET.format(word="x").replace("/greet", "/count"))
    assert probe.get("/count").json() == {"count": 0}


def test_a_service_that_is_gone_is_no_longer_served(
    probe: TestPlatform, probe_project: Path
) -> None:
    for file in (probe_project / "functions" / "probe").glob("*.py"):
        file.unlink()
    probe._runner.run(reload(probe.platform, "probe"))
    assert probe.get("/count").status == 404


def test_a_call_in_flight_ends_on_the_code_it_began_with(
    probe: TestPlatform, probe_project: Path
) -> None:
    source = (
        "import asyncio\n\nfrom neurova import get\n\nfrom .domain import VERSION\n\n\n"
        '@get("/version", public=True)\n'
        "async def version() -> list[int]:\n"
        "    before = VERSION\n"
        "    await asyncio.sleep(0.05)\n"
        "    from .domain import VERSION as after\n\n"
        "    return [before, after, {number}]\n"
    )
    domain = probe_project / "functions" / "probe" / "domain.py"
    original = domain.read_text()
    domain.write_text(original + "\nVERSION = 1\n")
    save(probe, probe_project, "version.py", source.format(number=1))

    async def meanwhile() -> None:
        domain.write_text(original + "\nVERSION = 2\n")
        (probe_project / "functions" / "probe" / "version.py").write_text(source.format(number=2))
        await reload(probe.platform, "probe")

    began, _ = probe._runner.run(_both(probe.acall("GET", "/version"), meanwhile()))
    assert began.json() == [1, 1, 1]
    assert probe.get("/version").json() == [2, 2, 2]


async def _both(call, change):  # type: ignore[no-untyped-def]
    import asyncio

    return await asyncio.gather(call, change)
