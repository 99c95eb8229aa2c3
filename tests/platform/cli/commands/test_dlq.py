"""`neurova dlq`."""

from __future__ import annotations

import ast
import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import LETTERS, sell

from neurova_platform.testing.platform import TestPlatform

QUEUE = "mail.send"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Create a project with two dead letters in each queue, and change to its folder."""
    folder = tmp_path / "letters"
    shutil.copytree(LETTERS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    with TestPlatform(folder, folder / ".neurova") as platform:
        sell(platform, "unknown", "tea")
        sell(platform, "unknown", buyer="bob")
        platform.run_subscriptions()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def dlq(cli: Callable[..., Any], project: Path) -> Callable[..., Any]:
    """Return a function that runs a command, expects success, and returns its JSON."""

    def run(*words: str) -> Any:
        result = cli("dlq", *words, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    return run


def test_list_shows_queues_letters_and_causes(
    cli: Callable[..., Any], dlq: Callable[..., Any]
) -> None:
    assert {each["name"]: each["dead"] for each in dlq("list")} == {"mail.count": 2, QUEUE: 2}
    letters = dlq("list", QUEUE, "--cause", "no such item")
    assert [each["event"] for each in letters] == ["shop.Sold"] * 2
    assert dlq("list", QUEUE, "--cause", "other") == []
    assert [each["count"] for each in dlq("list", QUEUE, "--causes")] == [2]
    for words in ((), (QUEUE,), (QUEUE, "--causes")):
        assert "2" in cli("dlq", "list", *words).stdout


def test_groups_count_by_cause_and_name_an_example(
    cli: Callable[..., Any], dlq: Callable[..., Any]
) -> None:
    assert [(each["queue"], each["count"]) for each in dlq("groups")] == [
        ("mail.count", 2),
        (QUEUE, 2),
    ]
    (group,) = dlq("groups", QUEUE)
    letters = {each["id"]: each["died"] for each in dlq("list", QUEUE)}
    assert "no such item" in group["cause"]
    assert (group["first"], group["last"]) == (min(letters.values()), max(letters.values()))
    assert letters[group["example"]] == group["first"]
    assert group["example"] in cli("dlq", "groups").stdout


def test_show_prints_values_cause_and_trace(
    cli: Callable[..., Any], dlq: Callable[..., Any]
) -> None:
    (first, _) = dlq("list", QUEUE)
    shown = cli("dlq", "show", QUEUE, first["id"]).stdout
    assert '"item": "unknown"' in shown
    assert first["trace_id"] in shown
    assert "Reject: 422 no such item (functions/mail/domain.py:" in shown


def test_edit_sets_fields_or_takes_a_file(dlq: Callable[..., Any], tmp_path: Path) -> None:
    (first, second) = dlq("list", QUEUE)
    edited = dlq("edit", QUEUE, first["id"], "--set", "item=7", "--set", "count=7")
    assert edited["values"] == {"item": "7", "buyer": "ada", "count": 7}
    file = tmp_path / "values.json"
    file.write_text('{"item": "tea", "buyer": "eve", "count": 2}')
    edited = dlq("edit", QUEUE, second["id"], "--file", str(file))
    assert edited["values"] == {"item": "tea", "buyer": "eve", "count": 2}


def test_edit_opens_the_editor(
    dlq: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    editor = tmp_path / "editor"
    # Change the modification time, because click compares it to detect a save.
    editor.write_text("#!/bin/sh\nsed -i s/unknown/tea/ $1\ntouch -d 2030-01-01 $1\n")
    editor.chmod(0o700)
    monkeypatch.setenv("EDITOR", str(editor))
    monkeypatch.delenv("VISUAL", raising=False)
    edited = dlq("edit", QUEUE, dlq("list", QUEUE)[0]["id"])
    assert edited["values"]["item"] == "tea"


def test_replay_moves_a_group_back(cli: Callable[..., Any], dlq: Callable[..., Any]) -> None:
    (first, second) = dlq("list", QUEUE)
    assert dlq("replay", QUEUE, first["id"])["waiting"] == 1
    assert dlq("replay", QUEUE, "--cause", "no such")["total"] == 1
    assert {each["name"]: each["ready"] for each in dlq("list")} == {"mail.count": 0, QUEUE: 2}
    again = cli("dlq", "replay", QUEUE, second["id"])
    assert (again.exit_code, again.stdout) == (1, "1 replayed: 1 not found\n")


def test_drop_deletes_and_names_what_is_missing(
    cli: Callable[..., Any], dlq: Callable[..., Any]
) -> None:
    (first, second) = dlq("list", QUEUE)
    assert dlq("drop", QUEUE, first["id"]) == {"dropped": [first["id"]]}
    result = cli("dlq", "drop", QUEUE, first["id"], second["id"])
    assert result.exit_code == 1
    assert first["id"] in result.stderr
    assert second["id"] not in result.stderr
    assert dlq("list", QUEUE) == []


def test_dropped_event_of_an_ordered_subscription_frees_its_key(
    dlq: Callable[..., Any], project: Path
) -> None:
    (first, other) = dlq("list", "mail.count")
    dlq("drop", "mail.count", first["id"])
    with closing(sqlite3.connect(project / ".neurova" / "mail.db")) as database:
        parked = [row[0] for row in database.execute("SELECT id FROM nv_parked WHERE due IS NULL")]
    assert parked == [other["id"]]


def test_each_change_is_audited(dlq: Callable[..., Any], project: Path) -> None:
    (first, second) = dlq("list", QUEUE)
    dlq("edit", QUEUE, first["id"], "--set", "item=tea")
    dlq("replay", QUEUE, first["id"])
    dlq("drop", QUEUE, second["id"])
    lines = (project / ".neurova" / "logs" / "audit.jsonl").read_text().splitlines()
    changes = [json.loads(line) for line in lines]
    assert [each["status"] for each in changes if each["event"] == "ended"] == ["done"] * 3
    assert [(each["command"], each["ids"]) for each in changes if each["event"] == "begun"] == [
        ("neurova dlq edit", [first["id"]]),
        ("neurova dlq replay", [first["id"]]),
        ("neurova dlq drop", [second["id"]]),
    ]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("list", "mail.none"), 1, "queues: mail.count, mail.send"),
        (("show", QUEUE, "none"), 1, "no dead letter 'none'"),
        (("edit", QUEUE, "ID", "--set", "count=two"), 1, "$.count"),
        (("edit", QUEUE, "ID", "--set", "colour=red"), 2, "no such field"),
        (("edit", QUEUE, "ID", "--set", "item"), 2, "FIELD=VALUE"),
        (("save", QUEUE, "none"), 1, "no dead letter 'none'"),
        (("save", QUEUE, "ID", "--file", "neurova.toml"), 1, "already exists"),
        (("replay", QUEUE), 2, "--all"),
        (("replay", QUEUE, "ID", "--all"), 2, "--all"),
    ],
)
def test_mistakes_are_named(
    cli: Callable[..., Any],
    dlq: Callable[..., Any],
    words: tuple[str, ...],
    code: int,
    message: str,
) -> None:
    id = dlq("list", QUEUE)[0]["id"]
    result = cli("dlq", *(id if word == "ID" else word for word in words))
    assert (result.exit_code, message in result.stderr) == (code, True), result.output
    assert len(dlq("list", QUEUE)) == 2


@pytest.mark.server
@pytest.mark.parametrize("queue", [QUEUE, "mail.count"])
def test_saved_case_fails_until_the_function_is_fixed(
    cli: Callable[..., Any], dlq: Callable[..., Any], project: Path, queue: str
) -> None:
    id = dlq("list", queue)[0]["id"]
    file = Path(dlq("save", queue, id)["file"])
    assert file == project / "tests" / f"test_dead_{queue.replace('.', '_')}_{id[:8]}.py"
    assert "Reject: 422 no such item" in file.read_text()
    formatted = _run("ruff", "format", "--isolated", "--check", str(file))
    assert formatted.returncode == 0, formatted.stdout
    assert cli("dlq", "save", queue, id).exit_code == 1  # never overwrites

    broken = _run("pytest", "-q", str(file))
    assert (broken.returncode, "1 failed" in broken.stdout) == (1, True), broken.stdout
    domain = project / "functions" / "mail" / "domain.py"
    domain.write_text(domain.read_text().replace('== "unknown"', '== "fixed"'))
    fixed = _run("pytest", "-q", str(file))
    assert (fixed.returncode, "1 passed" in fixed.stdout) == (0, True), fixed.stdout


def test_saved_case_masks_secrets_and_keeps_other_values(
    dlq: Callable[..., Any], project: Path
) -> None:
    id = dlq("list", QUEUE)[0]["id"]
    key = "nrv_live_" + "a1" * 16
    values = {"item": key, "buyer": '"Zoë" \\ it\'s\n', "count": 1}
    (project / "values.json").write_text(json.dumps(values))
    dlq("edit", QUEUE, id, "--file", "values.json")
    file = Path(dlq("save", QUEUE, id, "--file", "case.py")["file"])
    assert file == project / "case.py"
    assert key not in file.read_text()
    calls = [each for each in ast.walk(ast.parse(file.read_text())) if isinstance(each, ast.Call)]
    assert [ast.literal_eval(each) for each in calls[0].args] == [
        QUEUE,
        "shop.Sold",
        {**values, "item": "nrv_live_…"},
    ]


def _run(*words: str) -> subprocess.CompletedProcess[str]:
    words = (sys.executable, "-m", *words)
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.server
def test_project_that_was_never_served_has_no_queues(
    shell: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    (tmp_path / "neurova.toml").write_text("")
    assert json.loads(shell("dlq", "list", "--json", cwd=tmp_path).stdout) == []
