"""`neurova bus`: the queues on RabbitMQ and SQS."""

from __future__ import annotations

import json
import secrets
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


def write_project(folder: Path) -> None:
    file = folder / "functions" / "mailer" / "mail.py"
    file.parent.mkdir(parents=True)
    file.write_text(MAIL)
    (folder / "neurova.toml").touch()


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
    write_project(tmp_path)
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


@pytest.mark.server
def test_apply_creates_the_queues_that_doctor_misses_on_sqs(
    cli: Callable[..., Result], aws: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    prefix = f"t{secrets.token_hex(6)}"
    monkeypatch.setenv("NEUROVA_BUS_URL", f"sqs://eu-central-1/{prefix}")
    missing = f"these queues are missing: {prefix}-mailer-mail, {prefix}-mailer-mail-dlq"
    assert missing in cli("doctor").output
    assert cli("bus", "apply").exit_code == 0
    assert "ok    bus: SQS in eu-central-1: the credentials are of account" in cli("doctor").output
    assert cli("bus", "diff").exit_code == 3
