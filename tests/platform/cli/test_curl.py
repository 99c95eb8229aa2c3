"""The curl command calls the function that needs the least input."""

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
        return inventory.functions(settings.load(tmp_path, environ={}))

    return make


def test_shell_reads_the_key_from_its_file(functions: Project) -> None:
    found = functions('@get("/a")\nasync def a() -> str: ...')
    assert curl_command(found, "http://h:1", KEY) == (
        "curl -H \"X-API-Key: $(cat '/home/a b/.neurova/dev.key')\" http://h:1/a"
    )


def test_function_with_fewest_inputs_is_called(functions: Project) -> None:
    found = functions(
        '@post("/a")\nasync def a(body: dict[str, int]) -> str: ...',
        '@get("/b")\nasync def b(needed: int) -> str: ...',
        '@get("/c/{x}")\nasync def c(x: int) -> str: ...',
    )
    assert curl_command(found, "http://h:1", KEY).endswith(" http://h:1/c/1")


def test_public_function_is_called_without_a_key(functions: Project) -> None:
    found = functions('@get("/a/{name}", public=True)\nasync def a(name: str) -> str: ...')
    assert curl_command(found, "http://h:1", KEY) == "curl http://h:1/a/name"


def test_post_is_sent_as_json(functions: Project) -> None:
    found = functions('@post("/a")\nasync def a(body: dict[str, int]) -> str: ...')
    start = "curl -X POST -H 'Content-Type: application/json' -d '{}' -H "
    assert curl_command(found, "http://h:1", KEY).startswith(start)


def test_no_command_without_functions() -> None:
    assert curl_command([], "http://h:1", KEY) == ""
