"""The command line as a whole: its table, imports, errors, exit codes and documentation."""

from __future__ import annotations

import ast
import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import pytest

from neurova_gateway.keys.key import generate
from neurova_platform import cli as package
from neurova_platform.cli import exit_codes, main
from neurova_platform.cli.commands_table import COMMANDS
from neurova_platform.cli.group import root

PAGE = Path(__file__).parents[3] / "docs" / "cli.md"
HEAVY = {
    "alembic",
    "anyio",
    "asyncio",
    "httptools",
    "jsonschema_rs",
    "loguru",
    "msgspec",
    "neurova",
    "neurova_gateway",
    "rich",
    "sqlalchemy",
    "starlette",
    "uvicorn",
    "uvloop",
    "watchfiles",
}


def commands(group: click.Group, path: str = "neurova") -> Iterator[tuple[str, click.Command]]:
    """Yield every command that is no group, as a list of words."""
    with click.Context(group) as context:
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            if isinstance(command, click.Group):
                yield from commands(command, f"{path} {name}")
            else:
                yield f"{path} {name}", command


def test_table_has_the_help_of_each_command() -> None:
    with click.Context(root) as context:
        for name, entry in COMMANDS.items():
            command = root.get_command(context, name)
            assert command is not None
            assert (command.name, (command.help or "").split("\n")[0]) == (name, entry.help)


def test_commands_options_and_exit_codes_are_documented() -> None:
    page = PAGE.read_text()
    for words, command in commands(root):
        options = [each.opts for each in command.params if isinstance(each, click.Option)]
        assert words in page
        assert [each[-1] for each in options if each[-1] not in page] == [], words
        assert any("--json" in each for each in options), words
    assert all(f"| {code} |" in page for code in {0, 1, 2, 130, *exit_codes.EXIT_CODES.values()})


def test_installed_version_is_shown(cli: Callable[..., Any]) -> None:
    installed = version("neurova-platform")
    assert cli("version").stdout.startswith(f"neurova {installed}, Python 3.")
    assert json.loads(cli("version", "--json").stdout)["neurova"] == installed


@pytest.mark.server
def test_help_imports_nothing_heavy() -> None:
    """`neurova --help` takes less than 120 ms because it imports only click and its table."""
    source = (
        "import sys; before = set(sys.modules); sys.argv = ['neurova', '--help']\n"
        "from neurova_platform.cli import main; code = main()\n"
        "print(code, *sorted({name.partition('.')[0] for name in sys.modules} - before), "
        "file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True)
    code, *imported = ran.stderr.split()
    assert code == "0"
    assert "explain" in ran.stdout
    assert HEAVY.intersection(imported) == set()


def test_unknown_command_suggests_the_nearest(cli: Callable[..., object]) -> None:
    result = cli("confg")
    assert result.exit_code == 2
    assert "did you mean config?" in result.stderr


def test_error_is_one_message_without_traceback(
    cli: Callable[..., object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = cli("config")
    assert result.exit_code == 3
    assert result.stdout == ""
    assert result.stderr.startswith("neurova: no neurova.toml in ")
    assert "neurova new project NAME" in result.stderr
    assert "Traceback" not in result.stderr
    as_json = cli("config", "--json")
    assert (as_json.exit_code, json.loads(as_json.stdout)["error"]) == (3, "ConfigError")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--nonsense --json", "--nonsense"),
        ("confg --json", "did you mean config?"),
        ("config --json --nonsense", "--nonsense"),
        ("explain GET --json", "PATH"),
        ("keys create --json", "--consumer"),
        ("keys create --consumer a --env none --json", "--env"),
        ("keys nonsense --json", "nonsense"),
        ("keys --json", "--json"),
        ("dev --json --port x", "--port"),
        ("run --json --workers 0", "--workers"),
    ],
)
def test_usage_error_with_json_is_json(
    cli: Callable[..., object], words: str, message: str
) -> None:
    result = cli(*words.split())
    assert result.exit_code == 2
    assert result.stderr == ""
    error = json.loads(result.stdout)
    assert error["error"] == "UsageError"
    assert message in error["message"]


def test_json_after_a_double_dash_is_no_option(cli: Callable[..., object]) -> None:
    result = cli("confg", "--", "--json")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("Usage: ")


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_key_in_an_argument_is_refused_unshown(
    cli: Callable[..., Any], project: Path, flags: list[str]
) -> None:
    """This holds for every command and argument, even `keys revoke "$(cat key)"`."""
    key = generate("live")
    for words, command in commands(root):
        start, *others = words.split()[1:], ["explain", "GET", f"/{key}"], [key], [f"--{key}"]
        options = [[*start, each.opts[-1], key] for each in command.params if each.opts]
        for arguments in ([*start, key], [*start, f"--{key}"], *options, *others):
            result = cli(*arguments, *flags)
            assert (result.exit_code, key[9:] in result.output) == (2, False), arguments
            assert "give its id" in result.output
    assert json.loads(cli("keys", "list", "--all", "--json").stdout) == []


def test_old_python_is_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The entry point also parses on Python 3.7, so that it can print this line."""
    for module in (package, exit_codes):
        ast.parse(Path(module.__file__).read_text(), feature_version=(3, 7))
    monkeypatch.setattr(sys, "version_info", (3, 10, 4, "final", 0))
    assert main() == 1
    assert capsys.readouterr().err == (
        "neurova needs Python 3.11 or newer, not 3.10.4: install a newer one\n"
    )


def test_ctrl_c_exits_silently_with_130(
    cli: Callable[..., object], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from neurova_platform.settings import loading as settings

    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(settings, "load", interrupted)
    result = cli("config")
    assert (result.exit_code, result.output) == (130, "")


@pytest.mark.server
def test_process_exits_with_documented_codes(
    shell: Callable[..., subprocess.CompletedProcess[str]], project: Path
) -> None:
    assert shell("version").returncode == 0
    assert shell("explain", "GET", "/nowhere").returncode == 1
    assert shell("--nonsense").returncode == 2
    (project / "functions" / "hello" / "hello.py").write_text("x = (\n")
    assert shell("functions").returncode == 4
    assert shell("call", "GET", "/", "--key-file", "nowhere").returncode == 5
    (project / "neurova.toml").write_text("[gateway]\nprt = 1\n")
    assert shell("functions").returncode == 3


@pytest.mark.server
def test_closed_pipe_is_no_error(
    shell: Callable[..., subprocess.CompletedProcess[str]], project: Path
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ran = shell("functions", stdout=writing)
    os.close(writing)
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.server
def test_table_has_headings_on_a_terminal_and_tabs_in_a_pipe(
    shell: Callable[..., subprocess.CompletedProcess[str]], project: Path, environ: dict[str, str]
) -> None:
    cells = "GET\t/hello/{name}\thello.hello\thello:read\t60/minute\tfunctions/hello/hello.py:"
    assert shell("functions").stdout.startswith(cells)
    terminal, end = pty.openpty()
    ran = shell("functions", stdout=end, env=environ | {"COLUMNS": "200", "TERM": "xterm"})
    os.close(end)
    shown = os.read(terminal, 65_536).decode()
    os.close(terminal)
    assert ran.returncode == 0
    assert "who may call" in shown
    assert "\t" not in shown
