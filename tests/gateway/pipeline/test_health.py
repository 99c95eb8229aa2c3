"""Whether to send calls here: anybody may ask, at any time, and learns nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.gateway.crowd import crowd
from tests.gateway.octets import bodies, request, statuses

from neurova import get
from neurova.errors import LoadError
from neurova_gateway.pipeline.health import PATH
from neurova_platform.testing.platform import TestPlatform

OK = b'{"status":"ok"}'


@pytest.fixture
def platform(probe_project: Path, tmp_path: Path) -> Iterator[Callable[[str], TestPlatform]]:
    """Run the probe with a `[gateway]` of the test's own."""
    running: list[TestPlatform] = []

    def run(gateway: str) -> TestPlatform:
        (probe_project / "neurova.toml").write_text(f"[gateway]\n{gateway}\n")
        (tmp_path / "databases").mkdir()
        running.append(TestPlatform(probe_project, tmp_path / "state", tmp_path / "databases"))
        return running[-1].__enter__()

    yield run
    for each in running:
        each.__exit__()


@pytest.mark.parametrize("gateway", ["", 'behind = "kong"', 'hosts = ["api.example"]'])
def test_anybody_is_told_and_told_nothing_more(
    platform: Callable[[str], TestPlatform], gateway: str
) -> None:
    answer = platform(gateway).get(PATH)
    assert (answer.status, answer.body) == (200, OK)
    assert answer.headers["cache-control"] == "no-store"
    assert "ratelimit" not in answer.headers


def test_other_methods_are_told_which_to_use(platform: Callable[[str], TestPlatform]) -> None:
    answer = platform("").post(PATH)
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


def test_a_mount_over_everything_does_not_hide_it(probe_project: Path, tmp_path: Path) -> None:
    (probe_project / "functions" / "probe" / "all.py").write_text(
        '"""Everything."""\n\nfrom starlette.responses import PlainTextResponse\n\n'
        'from neurova import mount\n\napp = PlainTextResponse("mounted")\n'
        'everything = mount("/", app, public=True)\n'
    )
    (tmp_path / "databases").mkdir()
    with TestPlatform(probe_project, tmp_path / "state", tmp_path / "databases") as running:
        assert running.get("/nothing").text == "mounted"
        assert running.get(PATH).body == OK


def test_it_is_no_function_that_limits_or_counters_know(
    platform: Callable[[str], TestPlatform],
) -> None:
    running = platform('limit = "1/minute"')
    assert [running.get(PATH).status for _ in range(5)] == [200] * 5
    assert all(PATH not in function.description.path for function in running.platform.functions())


def test_in_a_crowd_it_is_answered(door) -> None:  # type: ignore[no-untyped-def]
    crowd(door.platform, "count", "secret", "item", "wait", "echo")
    answer = door.exchange(request("GET", "/count", close=False) * 3 + request("GET", PATH))
    assert statuses(answer) == [503, 503, 503, 200]
    assert bodies(answer)[-1] == OK


@pytest.mark.parametrize("end", ["drain", "shut_down"])
def test_who_drains_asks_for_no_more(door, end: str) -> None:  # type: ignore[no-untyped-def]
    getattr(door.platform.platform.connection_manager, end)()
    answer = door.exchange(request("GET", PATH, close=False))
    assert statuses(answer) == [503]
    assert b"retry-after: 1\r\n" in answer
    assert b"connection: close\r\n" in answer
    assert bodies(answer) == [b'{"status":"draining"}']


def test_no_function_can_be_at_its_path() -> None:
    with pytest.raises(LoadError, match="answered by the platform itself"):
        get(PATH)
