"""A saved service is reloaded as a whole, or not at all."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest
from watchfiles import Change

from neurova.errors import LoadError
from neurova_platform.dev.reload import changed_services, is_relevant, reload, watch
from neurova_platform.testing.platform import TestPlatform


def test_changed_files_are_mapped_to_services(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    changes = [
        (Change.modified, str(tmp_path / "a" / "x.py")),
        (Change.added, str(tmp_path / "a" / "deep" / "y.py")),
        (Change.deleted, str(tmp_path / "b" / "z.py")),
        (Change.modified, str(tmp_path / "loose.py")),
    ]
    assert changed_services(tmp_path, changes) == ["b", "a"]


def test_new_folder_is_relevant(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "file.txt").write_text("")
    assert is_relevant(Change.added, str(tmp_path / "new"))
    assert not is_relevant(Change.modified, str(tmp_path / "new"))
    (tmp_path / "new" / "__pycache__").mkdir()
    assert not is_relevant(Change.added, str(tmp_path / "new" / "__pycache__"))
    assert not is_relevant(Change.added, str(tmp_path / "file.txt"))
    assert changed_services(tmp_path, [(Change.added, str(tmp_path / "new"))]) == ["new"]


def test_deleted_folder_comes_first(tmp_path: Path) -> None:
    (tmp_path / "after").mkdir()
    assert is_relevant(Change.deleted, str(tmp_path / "before"))
    assert not is_relevant(Change.deleted, str(tmp_path / "__pycache__"))
    changes = [
        (Change.added, str(tmp_path / "after")),
        (Change.deleted, str(tmp_path / "before")),
        (Change.deleted, str(tmp_path / "loose.txt")),
    ]
    assert changed_services(tmp_path, changes) == ["before", "after"]


def test_linked_service_has_the_name_of_its_link(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "functions", tmp_path / "elsewhere"
    root.mkdir()
    elsewhere.mkdir()
    (root / "linked").symlink_to(elsewhere)
    changes = [
        (Change.modified, str(root / "linked" / "x.py")),
        (Change.modified, str(elsewhere / "x.py")),
    ]
    assert changed_services(root, changes) == ["linked"]


def save(platform: TestPlatform, project: Path, name: str, source: str) -> None:
    (project / "functions" / "probe" / name).write_text(source)
    platform.run(reload(platform.platform, "probe"))


GREET = """from neurova import get


@get("/greet", public=True)
async def greet() -> str:
    return "{word}"
"""


def test_new_and_changed_files_are_served(probe: TestPlatform, probe_project: Path) -> None:
    assert probe.get("/greet").status == 404
    save(probe, probe_project, "greet.py", GREET.format(word="hello"))
    assert probe.get("/greet").text == "hello"
    save(probe, probe_project, "greet.py", GREET.format(word="good day"))
    assert probe.get("/greet").text == "good day"


def test_failed_reload_keeps_the_previous_version(probe: TestPlatform, probe_project: Path) -> None:
    save(probe, probe_project, "greet.py", GREET.format(word="hello"))
    with pytest.raises(LoadError, match=r"greet\.py:2"):
        save(probe, probe_project, "greet.py", "\nthis is no python\n")
    assert probe.get("/greet").text == "hello"
    assert probe.get("/count").status == 200


def test_invalid_folder_name_affects_no_other_service(
    probe: TestPlatform, probe_project: Path
) -> None:
    wrong = probe_project / "functions" / "my-shop"
    wrong.mkdir()
    (wrong / "greet.py").write_text(GREET.format(word="hello"))
    with pytest.raises(LoadError, match=r"my-shop: .*rename the folder"):
        probe.run(reload(probe.platform, "my-shop"))
    save(probe, probe_project, "greet.py", GREET.format(word="hello"))
    assert probe.get("/greet").text == "hello"


def test_missing_functions_folder_keeps_all_services(
    probe: TestPlatform, probe_project: Path
) -> None:
    (probe_project / "functions").rename(probe_project / "elsewhere")
    with pytest.raises(LoadError, match="no such folder"):
        probe.run(reload(probe.platform, "probe"))
    assert probe.get("/count").status == 200


def test_route_conflict_keeps_all_services(probe: TestPlatform, probe_project: Path) -> None:
    with pytest.raises(LoadError, match="/count"):
        save(probe, probe_project, "greet.py", GREET.format(word="x").replace("/greet", "/count"))
    assert probe.get("/count").json() == {"count": 0}


def test_deleted_service_is_not_served(probe: TestPlatform, probe_project: Path) -> None:
    for file in (probe_project / "functions" / "probe").glob("*.py"):
        file.unlink()
    probe.run(reload(probe.platform, "probe"))
    assert probe.get("/count").status == 404


def test_renamed_service_is_reloaded(probe: TestPlatform, probe_project: Path) -> None:
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


def test_call_in_flight_finishes_on_its_generation(
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


def test_mounted_app_stops_with_its_generation(
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


def test_mounted_app_starts_and_stops_with_the_platform(
    probe_project: Path, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    source = MOUNTED.format(log=str(log), word="one", start="pass")
    (probe_project / "functions" / "probe" / "legacy.py").write_text(source)
    with TestPlatform(probe_project, tmp_path / "state") as running:
        assert running.get("/legacy/say").text == "one"
    assert log.read_text().split() == ["one-start", "one-stop"]
    source = MOUNTED.format(log=str(log), word="two", start="raise OSError('no disk')")
    (probe_project / "functions" / "probe" / "legacy.py").write_text(source)
    with (
        pytest.raises(LoadError, match="no disk"),
        TestPlatform(probe_project, tmp_path / "state2"),
    ):
        pass
