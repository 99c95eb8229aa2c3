"""An async call survives kills of the process that executes it."""

from __future__ import annotations

import http.client
import json
import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ..serving import neurova, port_of, serving, until

pytestmark = pytest.mark.server

POINTS = ("begin", "written", "committed")
CALLS = 6


def request(port: int, key: str, method: str, path: str, **headers: str) -> Any:
    """Return status, Location and body of a call."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request(method, path, headers={"X-API-Key": key, **headers})
        response = connection.getresponse()
        return response.status, response.headers["location"], json.loads(response.read() or "null")


def test_each_call_has_one_effect_and_one_answer(tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(Path(__file__).parents[1] / "later", project)
    neurova(project, "db", "upgrade")
    created = neurova(
        project, "keys", "create", "--consumer", "ada", "--scope", "shop:sell", "--json"
    )
    key = json.loads(created)["key"]
    for number in range(CALLS):
        (project / f"kill-{POINTS[number % 3]}-{number}").touch()
    with serving(project, "run") as run:
        port = port_of(run.event("ready"))
        locations = []
        for number in range(CALLS):
            code, location, _ = request(
                port, key, "POST", f"/sales/{number}", Prefer="respond-async"
            )
            assert code == 202
            locations.append(location)
        answers = {}
        for number, location in enumerate(locations):
            until(lambda path=location: request(port, key, "GET", path)[0] != 202)  # type: ignore[misc]
            answers[number] = request(port, key, "GET", location)
        assert all(answers[number][0] == 201 for number in answers), answers
        assert [answers[number][2]["number"] for number in answers] == list(range(CALLS))
        assert request(port, key, "GET", "/sales")[2] == list(range(CALLS))
        assert run.end()[0] == 0
    # If another call kills the process after this call's commit, this call is not rerun, so the
    # file with its kill point is left.
    left = [file.name for file in project.glob("kill-*")]
    assert all(name.startswith("kill-committed") for name in left)
    print(f"{CALLS} calls, {CALLS - len(left)} kills: one effect and one answer each")
