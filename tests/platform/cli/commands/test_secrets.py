"""`neurova secrets`."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ....serving import NEUROVA

Cli = Callable[..., Any]
VALUE = "hunter2hunter2"


def test_value_comes_from_standard_input_and_is_shown_on_request(cli: Cli, project: Path) -> None:
    assert cli("secrets", "set", "stripe#token", stdin=f"{VALUE}\n").stdout == (
        "Set stripe#token (version 1)\n"
    )
    shown = cli("secrets", "get", "stripe#token")
    assert shown.stdout == "stripe#token is set (version 1); --show prints it\n"
    assert cli("secrets", "get", "stripe#token", "--show").stdout == f"{VALUE}\n"
    assert cli("secrets", "list").stdout == "stripe#token\t1\n"
    for words in (["get", "stripe#token"], ["list"]):
        assert VALUE not in cli("secrets", *words, "--json").stdout


@pytest.mark.server
def test_prompt_does_not_echo_the_value(project: Path) -> None:
    terminal, child = pty.openpty()
    process = subprocess.Popen(
        [str(NEUROVA), "secrets", "set", "stripe#token"], stdin=child, stdout=child, stderr=child
    )
    os.close(child)
    output = b""
    for prompt in (b"stripe#token: ", b"confirmation: "):
        while not output.endswith(prompt):
            output += os.read(terminal, 100)
        os.write(terminal, f"{VALUE}\n".encode())
    while b"version 1" not in output:
        output += os.read(terminal, 100)
    assert process.wait(30) == 0
    os.close(terminal)
    assert VALUE.encode() not in output


@pytest.mark.parametrize(
    ("words", "stdin", "error"),
    [
        (["set", "stripe#token", VALUE], "", "A value is no argument"),
        (["set", "stripe#token"], "\n", "The value is empty"),
        (["set", "stripe"], VALUE, "is not a secret reference"),
        (["import-env", "NEUROVA_NONE=a#b"], "", "There is no variable NEUROVA_NONE"),
        (["import-env", "PATH"], "", "is not a secret reference"),
    ],
)
def test_wrong_use_sets_nothing(
    cli: Cli, project: Path, words: list[str], stdin: str, error: str
) -> None:
    done = cli("secrets", *words, stdin=stdin)
    assert done.exit_code == 2
    assert error in done.output
    assert VALUE not in done.output
    assert cli("secrets", "list").stdout == ""


def test_rotation_keeps_all_secrets(cli: Cli, project: Path) -> None:
    cli("secrets", "set", "stripe#token", stdin=VALUE)
    key = (project / ".neurova" / "secrets.key").read_text()
    assert cli("secrets", "rotate").stdout == "Encrypted 1 secrets under a new key\n"
    assert (project / ".neurova" / "secrets.key").read_text() != key
    assert cli("secrets", "get", "stripe#token", "--show").stdout == f"{VALUE}\n"


def test_variables_are_imported_from_environment_and_file(
    cli: Cli, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRIPE_TOKEN", VALUE)
    done = cli("secrets", "import-env", "STRIPE_TOKEN=stripe#token")
    assert VALUE not in done.output
    (project / ".env").write_text("# old\nexport DB_URL='postgresql://a:b=c@d/e'\n\nUSER=me\n")
    done = cli(
        "secrets", "import-env", "--file", ".env", "DB_URL=db#url", "USER=stripe#user", "--json"
    )
    assert json.loads(done.stdout) == {"secrets": ["db#url", "stripe#user"]}
    values = {
        name: cli("secrets", "get", name, "--show").stdout.strip()
        for name in ("stripe#token", "db#url", "stripe#user")
    }
    assert list(values.values()) == [VALUE, "postgresql://a:b=c@d/e", "me"]


def test_secret_is_set_while_a_setting_still_misses_it(cli: Cli, project: Path) -> None:
    (project / "neurova.toml").write_text('[mail]\nurl = { secret = "mail#url" }\n')
    missing = cli("config")
    assert missing.exit_code == 5
    assert "neurova.toml:2: mail.url: secret mail#url is not set: run `neurova secrets set" in (
        missing.output
    )
    cli("secrets", "set", "mail#url", stdin="smtp://me:hunter2@localhost:1")
    shown = json.loads(cli("config", "--json").stdout)
    (row,) = [each for each in shown if each["key"] == "mail.url"]
    assert (row["value"], row["origin"]) == ("***", "neurova.toml:2, secret mail#url")
