"""Killing a replay of dead letters neither loses nor repeats an event."""

from __future__ import annotations

import http.client
import json
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import LETTERS

from ..serving import NEUROVA, Serving, environment, port_of, serving, until

pytestmark = pytest.mark.server

EVENTS = 200
QUEUE = "mail.send"


@pytest.fixture(params=["sqlite", "rabbitmq"])
def variables(request: pytest.FixtureRequest) -> dict[str, str]:
    """Return the environment variables that select the bus."""
    if request.param == "sqlite":
        return {}
    return {"NEUROVA_BUS_URL": request.getfixturevalue("rabbitmq_url")}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "letters"
    shutil.copytree(LETTERS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def handled(run: Serving) -> Counter[str]:
    """Return how often the subscription `QUEUE` handled each event."""
    return Counter(
        each["id"]
        for each in list(run.events)
        if each["event"] == "message"
        and (each["subscription"], each["outcome"]) == (QUEUE, "handled")
    )


def test_killed_replay_loses_and_repeats_no_event(project: Path, variables: dict[str, str]) -> None:
    options: dict[str, Any] = {"cwd": project, "env": environment() | variables, "text": True}

    def dlq(*words: str) -> tuple[int, Any]:
        ran = subprocess.run(
            [NEUROVA, "dlq", *words, "--json"], capture_output=True, timeout=60, **options
        )
        return ran.returncode, json.loads(ran.stdout)

    with serving(project, "dev", variables=variables) as run:
        connection = http.client.HTTPConnection("127.0.0.1", port_of(run.event("ready")))
        for number in range(EVENTS):
            connection.request("POST", f"/sell/unknown/buyer{number}")
            connection.getresponse().read()
        connection.close()
        until(lambda: sum(each.get("outcome") == "dead" for each in run.events) >= 2 * EVENTS)

        first = dlq("list", QUEUE)[1][0]["id"]
        code, again = dlq("replay", QUEUE, first, "--wait")
        assert (code, again["dead"]) == (1, 1)

        domain = project / "functions" / "mail" / "domain.py"
        domain.write_text(domain.read_text().replace('"unknown"', '"other"'))
        run.event("reload")
        replay = subprocess.Popen(
            [NEUROVA, "dlq", "replay", QUEUE, "--all", "--rate", "50"], **options
        )
        until(lambda: len(handled(run)) >= EVENTS // 4)
        replay.kill()
        replay.wait()

        left = EVENTS
        while dlq("list", QUEUE)[1] or len(handled(run)) < EVENTS:
            # The broker redelivers the dead letters of a killed process after a short delay.
            code, done = dlq("replay", QUEUE, "--all", "--wait")
            assert (code, done["dead"]) == (0, 0)
            left = min(left, done["total"]) or left
        assert left < EVENTS
        assert set(handled(run).values()) == {1}
        print(f"killed after {EVENTS - left} of {EVENTS}: each handled once")
