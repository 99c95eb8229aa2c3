"""A saved service goes live whole, or not at all."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest
from watchfiles import Change

from neurova.errors import LoadError
from neurova_platform.dev.reload import reload, saved, services_of, watch
from neurova_platform.testing.platform import TestPlatform


def test_changed_files_are_their_services(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    changes = [
        (Change.modified, str(tmp_path / "a" / "x.py")),
        (Change.added, str(tmp_path / "a" / "deep" / "y.py")),
        (Change.deleted, str(tmp_path / "b" / "z.py")),
        (Change.modified, str(tmp_path / "loose.py")),
    ]
    assert services_of(tmp_path, changes) == ["b", "a"]


def test_a_new_folder_is_told_of_though_its_files_came_before_its_watch(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "file.txt").write_text("")
    assert saved(Change.added, str(tmp_path / "new"))
    assert not saved(Change.modified, str(tmp_path / "new"))
    (tmp_path / "new" / "__pycache__").mkdir()
    assert not saved(Change.added, str(tmp_path / "new" / "__pycache__"))
    assert not saved(Change.added, str(tmp_path / "file.txt"))
    assert services_of(tmp_path, [(Change.added, str(tmp_path / "new"))]) == ["new"]


def test_a_folder_that_was_moved_away_is_told_of_and_comes_first(tmp_path: Path) -> None:
    (tmp_path / "after").mkdir()
    assert saved(Change.deleted, str(tmp_path / "before"))
    assert not saved(Change.deleted, str(tmp_path / "__pycache__"))
    changes = [
        (Change.added, str(tmp_path / "after")),
        (Change.deleted, str(tmp_path / "before")),
        (Change.deleted, str(tmp_path / "loose.txt")),
    ]
    assert services_of(tmp_path, changes) == ["before", "after"]


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
    platform.run(reload(platform.platform, "probe"))


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


def test_a_folder_whose_name_cannot_be_is_a_fault_of_its_own_only(
    probe: TestPlatform, probe_project: Path
) -> None:
    wrong = probe_project / "functions" / "my-shop"
    wrong.mkdir()
    (wrong / "greet.py").write_text(GREET.format(word="hello"))
    with pytest.raises(LoadError, match=r"my-shop: .*rename the folder"):
        probe.run(reload(probe.platform, "my-shop"))
    save(probe, probe_project, "greet.py", GREET.format(word="hello"))
    assert probe.get("/greet").text == "hello"


def test_without_any_folder_of_functions_all_serves_on(
    probe: TestPlatform, probe_project: Path
) -> None:
    (probe_project / "functions").rename(probe_project / "elsewhere")
    with pytest.raises(LoadError, match="no such folder"):
        probe.run(reload(probe.platform, "probe"))
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
    probe.run(reload(probe.platform, "probe"))
    assert probe.get("/count").status == 404


def test_a_renamed_service_serves_on_and_its_faults_go_with_its_folder(
    probe: TestPlatform, probe_project: Path
) -> None:
    root, told = probe_project / "functions", []

    async def watched() -> None:
        def note(service: str, fault: Exception | None, seconds: float) -> None:
            told.append((service, fault is None))

        async def until(*wanted: tuple[str, bool]) -> None:
            async with asyncio.timeout(10):
                while told[-len(wanted) :] != list(wanted):
                    await asyncio.sleep(0.02)

        watching = asyncio.create_task(watch(probe.platform, note))
        await asyncio.sleep(0.5)
        (root / "probe").rename(root / "again")
        await until(("probe", True), ("again", True))
        (root / "broken").mkdir()
        (root / "broken" / "f.py").write_text("1 / 0")
        await until(("broken", False))
        shutil.rmtree(root / "broken")
        await until(("broken", True))
        watching.cancel()

    probe.run(watched())
    assert probe.get("/count").status == 200


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

    began, _ = probe.run(_both(probe.acall("GET", "/version"), meanwhile()))
    assert began.json() == [1, 1, 1]
    assert probe.get("/version").json() == [2, 2, 2]


async def _both(call, change):  # type: ignore[no-untyped-def]
    import asyncio

    return await asyncio.gather(call, change)


MOUNTED = """from contextlib import asynccontextmanager
from pathlib import Path

from neurova import mount
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

LOG = Path({log!r})


def note(what):
    with LOG.open("a") as file:
        file.write(what + " ")


@asynccontextmanager
async def lifespan(app):
    note("{word}-start")
    {start}
    yield
    note("{word}-stop")


async def say(request):
    return PlainTextResponse("{word}")


legacy = mount("/legacy", Starlette(routes=[Route("/say", say)], lifespan=lifespan), public=True)
"""


def test_a_mounted_app_lives_as_long_as_its_generation(
    probe: TestPlatform, probe_project: Path, tmp_path: Path
) -> None:
    log = tmp_path / "log"

    def write(word: str, start: str = "pass") -> None:
        source = MOUNTED.format(log=str(log), word=word, start=start)
        save(probe, probe_project, "legacy.py", source)

    async def rest() -> None:
        while probe.platform._retiring:
            await asyncio.wait(probe.platform._retiring)

    write("one")
    assert probe.get("/legacy/say").text == "one"
    write("two")
    assert probe.get("/legacy/say").text == "two"
    probe.run(rest())
    assert log.read_text().split() == ["one-start", "two-start", "one-stop"]

    with pytest.raises(
        LoadError, match=r"legacy\.py:\d+: legacy: startup of the ASGI app failed: .*fix"
    ):
        write("three", "raise OSError('no disk')")
    assert probe.get("/legacy/say").text == "two"

    write("two")
    source = MOUNTED.format(log=str(log), word="four", start="pass")
    with pytest.raises(LoadError, match="change the path"):
        save(probe, probe_project, "other.py", source.replace("legacy =", "other ="))
    assert probe.get("/legacy/say").text == "two"
    (probe_project / "functions" / "probe" / "other.py").unlink()
    (probe_project / "functions" / "probe" / "legacy.py").unlink()
    probe.run(reload(probe.platform, "probe"))
    assert probe.get("/legacy/say").status == 404
    probe.run(rest())
    assert "two-stop" in log.read_text()
    assert log.read_text().split().count("four-start") == log.read_text().count("four-stop")


def test_a_mounted_app_starts_and_stops_with_the_platform(
    probe_project: Path, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    source = MOUNTED.format(log=str(log), word="one", start="pass")
    (probe_project / "functions" / "probe" / "legacy.py").write_text(source)
    (tmp_path / "databases").mkdir()
    with TestPlatform(probe_project, tmp_path / "state", tmp_path / "databases") as running:
        assert running.get("/legacy/say").text == "one"
    assert log.read_text().split() == ["one-start", "one-stop"]
    source = MOUNTED.format(log=str(log), word="two", start="raise OSError('no disk')")
    (probe_project / "functions" / "probe" / "legacy.py").write_text(source)
    with (
        pytest.raises(LoadError, match="no disk"),
        TestPlatform(probe_project, tmp_path / "state2", tmp_path / "databases"),
    ):
        pass
