"""Follow the documentation pages: write their files, execute their code, run their commands.

A `python` or `toml` block whose first line is a path (`# functions/hello/hello.py`) is a project
file. Any other `python` block is executed; it may use `platform`, which runs the page's project,
or this repository's if the page has no files. A `console` block is run in a shell; `...` in its
output matches any text.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.servers.openbao import OpenBao

from neurova_platform.testing.platform import TestPlatform

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"# ([\w./-]+\.(?:py|toml))\n")


class Page:
    """A page that is followed in its own folder."""

    def __init__(self, page: Path, folder: Path, stack: ExitStack) -> None:
        self.text = page.read_text()
        self.name = page.name
        self.folder = folder
        self.project = folder / "project"
        self.stack = stack
        self.variables: dict[str, str] = {}
        self.names: dict[str, Any] = _Names(self)

    def blocks(self) -> Iterator[tuple[str, str, int]]:
        """Yield the language, content and first line number of each block."""
        for found in BLOCK.finditer(self.text):
            yield found[1], found[2], self.text[: found.start()].count("\n") + 2

    def follow(self) -> None:
        """Follow the page from top to bottom."""
        for language, content, line in self.blocks():
            named = NAMED.match(content)
            if language in ("python", "toml") and named:
                file = self.project / named[1]
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(content)
                self.names.pop("platform", None)
            elif language == "python":
                code = compile("\n" * (line - 1) + content, self.name, "exec")
                exec(code, self.names)
            elif language == "console":
                self.type(content)

    def platform(self) -> TestPlatform:
        """Run the project with its current files."""
        project = self.project
        if not project.exists():
            project = ROOT  # a page without files describes this repository
        elif not (project / "neurova.toml").exists():
            (project / "neurova.toml").write_text("")
        number = len(list(self.folder.glob("state*")))
        databases = self.folder / "databases"
        databases.mkdir(exist_ok=True)
        running = TestPlatform(project, self.folder / f"state{number}", databases)
        return self.stack.enter_context(running)

    def type(self, content: str) -> None:
        """Run the commands of a console block and compare their output."""
        for command, expected in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", content, re.MULTILINE):
            path = f"{self.folder / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
            done = subprocess.run(
                ["bash", "-c", command],
                cwd=self.folder,
                env={**os.environ, **self.variables, "PATH": path},
                capture_output=True,
                text=True,
                check=False,
            )
            pattern = re.escape(expected.rstrip("\n")).replace(r"\.\.\.", ".*")
            assert re.fullmatch(pattern, done.stdout.rstrip("\n"), re.DOTALL), (
                f"{self.name}: $ {command}\n{done.stdout}{done.stderr}"
            )


class _Names(dict[str, Any]):
    def __init__(self, page: Page) -> None:
        super().__init__(__name__="page")
        self._page = page

    def __missing__(self, name: str) -> Any:
        if name != "platform":
            raise KeyError(name)
        self[name] = self._page.platform()
        return self[name]


def pages(*, typed: bool) -> list[Path]:
    return [page for page in PAGES if ("```console" in page.read_text()) is typed]


@pytest.mark.parametrize("page", pages(typed=False), ids=lambda page: page.stem)
def test_the_code_of_a_page_is_true(page: Path, tmp_path: Path) -> None:
    with ExitStack() as stack:
        Page(page, tmp_path, stack).follow()


@pytest.mark.server
@pytest.mark.parametrize("page", pages(typed=True), ids=lambda page: page.stem)
def test_the_commands_of_a_page_do_what_it_shows(
    page: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    with ExitStack() as stack:
        followed = Page(page, tmp_path, stack)
        if "$ vault " in followed.text:
            server: OpenBao = request.getfixturevalue("own_openbao")
            (tmp_path / "bin").mkdir()
            (tmp_path / "bin" / "vault").symlink_to(server.program)
            followed.variables = {"VAULT_ADDR": server.url, "VAULT_TOKEN": server.token}
        followed.follow()


def test_no_text_installs_the_package_named_neurova() -> None:
    """That name belongs to another project; our package is neurova-platform."""
    sources = [
        file for folder in ("runtime", "gateway", "infra") for file in (ROOT / folder).rglob("*")
    ]
    for file in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *sources]:
        if file.suffix in (".md", ".py", ".tmpl", ".yaml") or file.name == "Dockerfile":
            found = re.search(
                r"pip install [\"']?neurova\b(?!-)|(?<!/)\bneurova\[", file.read_text()
            )
            assert found is None, f"{file}: {found}"


def test_every_link_between_the_pages_leads_somewhere() -> None:
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} links to {target}"
