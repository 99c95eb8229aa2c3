"""`neurova bus`: the queues on RabbitMQ."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from tests.servers.rabbitmq import RabbitServer

ROOT = Path(__file__).parents[3]
MAIL = '''"""Listen."""
from neurova import Event, on


class Sold(Event, source="shop"):
    item: str


@on(Sold)
async def mail(event: Sold) -> None:
    pass
'''


def test_committed_definitions_are_those_of_the_project(
    cli: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    result = cli("bus", "definitions")
    committed = (ROOT / "infra" / "rabbitmq" / "definitions.json").read_text()
    fix = "neurova bus definitions > infra/rabbitmq/definitions.json"
    assert json.loads(result.stdout) == json.loads(committed), f"run `{fix}`"


@pytest.mark.server
def test_apply_creates_what_diff_shows(
    cli: Callable[..., Result],
    rabbitmq: RabbitServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "functions" / "mailer" / "mail.py"
    file.parent.mkdir(parents=True)
    file.write_text(MAIL)
    (tmp_path / "neurova.toml").touch()
    monkeypatch.chdir(tmp_path)
    refused = cli("bus", "diff")
    assert refused.exit_code == 3
    monkeypatch.setenv("NEUROVA_BUS_URL", rabbitmq.create())
    before = cli("bus", "diff")
    assert (before.exit_code, "queue mailer.mail.dlq: missing" in before.output) == (1, True)
    assert cli("bus", "apply").exit_code == 0
    after = cli("bus", "diff", "--json")
    assert (after.exit_code, json.loads(after.stdout)) == (0, [])
    doctor = cli("doctor").output
    assert "16 queues need 48 of its file handles" in doctor
    assert "//" not in doctor.partition("RabbitMQ at")[2].partition("\n")[0]
