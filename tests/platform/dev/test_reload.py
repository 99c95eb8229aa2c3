"""A saved service is reloaded completely or not at all."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest
from watchfiles import Change

from neurova.errors import LoadError
from neurova_platform.dev.reload import changed_services, is_relevant, reload, watch, watch_site
from neurova_platform.testing.platform import TestPlatform
from neurova_platform.testing.response import Response


def test_changed_files_are_mapped_to_services(tmp_path: Path) -> None:
    """Deleted services come first; a linked service has the name of the link."""
    root, elsewhere = tmp_path / "functions", tmp_path / "elsewhere"
    (root / "a").mkdir(parents=True)
    elsewhere.mkdir()
    (root / "linked").symlink_to(elsewhere)
    changes = [
        (Change.modified, str(root / "a" / "x.py")),
        (Change.added, str(root / "a" / "deep" / "y.py")),
        (Change.modified, str(root / "linked" / "x.py")),
        (Change.modified, str(elsewhere / "x.py")),
        (Change.deleted, str(root / "b" / "z.py")),
        (Change.deleted, str(root / "gone")),
        (Change.modified, str(root / "loose.py")),
    ]
    assert changed_services(root, changes) == ["b", "gone", "a", "linked"]


@pytest.mark.parametrize(
    ("change", "name", "expected"),
    [
        (Change.added, "new", True),
        (Change.modified, "new", False),
        (Change.added, "new/__pycache__", False),
        (Change.added, "file.txt", False),
        (Change.deleted, "before", True),
        (Change.deleted, "__pycache__", False),
    ],
)
def test_added_and_deleted_folders_are_relevant(
    tmp_path: Path, change: Change, name: str, expected: bool
) -> None:
    (tmp_path / "new" / "__pycache__").mkdir(parents=True)
    (tmp_path / "file.txt").touch()
    assert is_relevant(change, str(tmp_path / name)) is expected


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
    for source, error in (
        ("\nthis is no python\n", r"greet\.py:2"),
        (GREET.replace("/greet", "/count"), "/count"),  # the route of another function
    ):
        with pytest.raises(LoadError, match=error):
            save(probe, probe_project, "greet.py", source)
        assert probe.get("/greet").text == "hello"
    functions = probe_project / "functions"
    (functions / "my-shop").mkdir()
    (functions / "my-shop" / "greet.py").write_text(GREET)
    with pytest.raises(LoadError, match=r"my-shop: .*rename the folder"):
        probe.run(reload(probe.platform, "my-shop"))
    save(probe, probe_project, "greet.py", GREET.format(word="good day"))
    functions.rename(probe_project / "elsewhere")
    with pytest.raises(LoadError, match="no such folder"):
        probe.run(reload(probe.platform, "probe"))
    assert probe.get("/greet").text == "good day"
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


def test_page_is_built_again_when_a_file_changes(probe_project: Path, tmp_path: Path) -> None:
    """If a build fails, the previous page stays and the watcher continues."""
    page = probe_project / "web" / "index.html"
    page.parent.mkdir()
    page.write_text("first")
    (probe_project / "neurova.toml").write_text('[site]\nfolder = "web"\n')
    reports: asyncio.Queue[tuple[str, Exception | None]] = asyncio.Queue()

    async def save_until_reported(text: str) -> tuple[str, Exception | None]:
        async with asyncio.timeout(10):
            while reports.empty():  # the watcher may not have started
                page.write_text(text)
                await asyncio.sleep(0.05)
            return await reports.get()

    with TestPlatform(probe_project, tmp_path / "state") as running:

        async def watched() -> None:
            watching = asyncio.create_task(
                watch_site(
                    running.platform, lambda name, error, _: reports.put_nowait((name, error))
                )
            )
            _, error = await save_until_reported("{{ unknown }}")
            assert "index.html:1" in str(error)
            assert (await running.acall("GET", "/")).text == "first"
            while error is not None:
                name, error = await save_until_reported("second")
            assert name == "web"
            watching.cancel()

        running.run(watched())
        assert running.get("/").text == "second"


VERSION = """import asyncio

from neurova import get

from .domain import VERSION


@get("/version", public=True)
async def version() -> list[int]:
    before = VERSION
    await asyncio.sleep(0.05)
    from .domain import VERSION as after

    return [before, after, {number}]
"""


def test_call_in_flight_finishes_on_its_generation(
    probe: TestPlatform, probe_project: Path
) -> None:
    domain = probe_project / "functions" / "probe" / "domain.py"
    original = domain.read_text()
    domain.write_text(original + "\nVERSION = 1\n")
    save(probe, probe_project, "version.py", VERSION.format(number=1))

    async def change_meanwhile() -> Response:
        call = asyncio.create_task(probe.acall("GET", "/version"))
        await asyncio.sleep(0)
        domain.write_text(original + "\nVERSION = 2\n")
        (domain.parent / "version.py").write_text(VERSION.format(number=2))
        await reload(probe.platform, "probe")
        return await call

    assert probe.run(change_meanwhile()).json() == [1, 1, 1]
    assert probe.get("/version").json() == [2, 2, 2]


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
