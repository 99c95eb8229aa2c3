"""A project with two services, an API server, and `neurova deploy` in this process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner

from neurova_platform.cli.group import root

from .api_server import ApiServer, serve, write_kubeconfig

FUNCTION = """
from neurova import get


@get("/{name}/{{id}}", {access})
async def {name}(id: str) -> str:
    return "{text}"
"""
SETTINGS = """
[project]
name = "shop"

[deploy.test]
kubeconfig = "kubeconfig"
namespace = "shop"
image = "registry.example/shop-{service}:{version}"
kong_image = "registry.example/kong:1"
variables = [
  "NEUROVA_GATEWAY_KEYS=postgresql://neurova@postgres/keys",
  "NEUROVA_GATEWAY_LIMITS=redis://redis:6379/0",
]
secret_variables = ["PGPASSWORD=postgres#password"]
ready = 5
"""


class Result(NamedTuple):
    """Exit code and output of a command."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


class Shop:
    """The project, its API server and the command line."""

    def __init__(self, folder: Path, api: ApiServer) -> None:
        self.folder, self.api = folder, api

    def write(self, service: str, text: str = "1", access: str = 'scopes=["a:read"]') -> None:
        file = self.folder / "functions" / service / f"{service}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(FUNCTION.format(name=service, text=text, access=access))

    def set(self, old: str, new: str) -> None:
        file = self.folder / "neurova.toml"
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new))

    def __call__(self, *words: str) -> Result:
        done = CliRunner().invoke(root, ["deploy", *words])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Result(done.exit_code, done.stdout, done.stderr)

    def plan(self, *words: str) -> list[str]:
        """Return the plan's changes, for example "update Deployment/shop-cart-runtime"."""
        done = self("test", "--plan", "--json", *words)
        changes = done.document["changes"]
        assert done.code == (2 if changes or done.document["access"] else 0), done
        return [f"{each['action']} {each['key']}" for each in changes]

    def deploy(self, *words: str, code: int = 0) -> Result:
        done = self("test", "--yes", *words)
        assert done.code == code, done
        return done


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    api = ApiServer()
    with serve(api) as url:
        write_kubeconfig(tmp_path / "kubeconfig", url)
        (tmp_path / "neurova.toml").write_text(SETTINGS)
        monkeypatch.chdir(tmp_path)
        found = Shop(tmp_path, api)
        found.write("cart")
        found.write("greet")
        yield found
