"""The shown curl command calls the function that needs the least input."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from neurova.endpoints.function import HttpFunction
from neurova_platform.cli.curl import curl_command
from neurova_platform.composition import inventory
from neurova_platform.settings import loading as settings

KEY = Path("/home/a b/.neurova/dev.key")
Project = Callable[..., list[HttpFunction]]


@pytest.fixture
def functions(tmp_path: Path) -> Project:
    """Return a function that creates a project with these function files and loads it."""

    def make(*sources: str) -> list[HttpFunction]:
        service = tmp_path / "functions" / "shop"
        service.mkdir(parents=True)
        (tmp_path / "neurova.toml").touch()
        for number, source in enumerate(sources):
            (service / f"f{number}.py").write_text(f"from neurova import *\n{source}\n")
        return inventory.load_functions(settings.load(tmp_path, environ={}))

    return make


NEEDS_BODY = '@post("/a")\nasync def a(body: dict[str, int]) -> str: ...'


@pytest.mark.parametrize(
    ("sources", "command"),
    [
        ([], ""),
        (
            ['@get("/a")\nasync def a() -> str: ...'],
            "curl -H \"X-API-Key: $(cat '/home/a b/.neurova/dev.key')\" http://h:1/a",
        ),
        (
            ['@get("/a/{name}", public=True)\nasync def a(name: str) -> str: ...'],
            "curl http://h:1/a/name",
        ),
        (
            [NEEDS_BODY],
            "curl -X POST -H 'Content-Type: application/json' -d '{}' "
            "-H \"X-API-Key: $(cat '/home/a b/.neurova/dev.key')\" http://h:1/a",
        ),
        (
            [
                NEEDS_BODY,
                '@get("/b", public=True)\nasync def b(needed: int) -> str: ...',
                '@get("/c/{x}", public=True)\nasync def c(x: int) -> str: ...',
            ],
            "curl http://h:1/c/1",
        ),
    ],
    ids=["no function", "key of a file", "public", "body", "fewest inputs"],
)
def test_command_calls_the_simplest_function(
    functions: Project, sources: list[str], command: str
) -> None:
    assert curl_command(functions(*sources), "http://h:1", KEY) == command
