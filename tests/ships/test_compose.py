"""The compose file is valid and safe, and its gateway runs with real servers."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.functions.booking.test_http import SCOPES, STAY
from tests.servers.go_program import built
from tests.servers.postgres import PostgresServer
from tests.servers.rabbitmq import RabbitServer
from tests.serving import serving, until

from neurova_platform.scaffold import scaffold

from .contained import Contained
from .container import Container

pytestmark = pytest.mark.server
FILE = Path(__file__).parents[2] / "infra" / "compose" / "compose.yaml"
PASSWORD = re.compile(r"\$\{(POSTGRES|RABBITMQ)_PASSWORD:\?set it in infra/compose/\.env\}")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return the file as Compose loads it."""
    copy = tmp_path_factory.mktemp("compose") / "compose.yaml"
    copy.write_text(PASSWORD.sub("secret", FILE.read_text()))
    words = [built("compose-go"), "-format", "json", str(copy)]
    ran = subprocess.run(words, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    loaded: dict[str, Any] = json.loads(ran.stdout)
    return loaded


def test_no_password_has_a_default() -> None:
    values = re.findall(r"(?:PASSWORD|PASS): (.+)", FILE.read_text())
    values += re.findall(r"//neurova:(.+)@", FILE.read_text())
    values.remove("${CLICKHOUSE_PASSWORD:-}")  # without one, ClickHouse accepts no connections
    assert len(values) == 6
    assert all(PASSWORD.fullmatch(value) for value in values)


def test_gateway_is_unprivileged_and_listens_on_loopback(model: dict[str, Any]) -> None:
    for name in ("gateway", "migrate", "runtime", "kong-config", "kong"):
        service = model["services"][name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert "user" not in service  # the image's own: 10001
    (port,) = model["services"]["gateway"]["ports"]
    assert (port["host_ip"], port["published"], port["target"]) == ("127.0.0.1", "8000", 8000)
    for name in ("postgres", "rabbitmq", "runtime", "vault"):
        assert "ports" not in model["services"][name]
    assert model["networks"]["inside"]["internal"] is True


def test_kong_is_in_front_of_a_runtime_that_accepts_only_signed_calls(
    model: dict[str, Any],
) -> None:
    runtime, config, kong = (model["services"][each] for each in ("runtime", "kong-config", "kong"))
    assert runtime["environment"]["NEUROVA_GATEWAY_BEHIND"] == "kong"
    assert list(runtime["networks"]) == ["inside"]
    assert config["command"][-1] == kong["environment"]["KONG_DECLARATIVE_CONFIG"]
    assert "KONG_ADMIN_LISTEN" not in kong["environment"]  # off, in the image
    (port,) = kong["ports"]
    assert port["host_ip"] == "127.0.0.1"
    assert {each["profiles"][0] for each in (runtime, config, kong)} == {"kong"}


def test_two_workers_start_after_migrations(model: dict[str, Any]) -> None:
    needed = model["services"]["gateway"]["depends_on"]["migrate"]
    assert needed["condition"] == "service_completed_successfully"
    ready = model["services"]["migrate"]["depends_on"]["postgres"]
    assert ready["condition"] == "service_healthy"
    assert model["services"]["migrate"]["command"] == ["db", "upgrade"]
    assert model["services"]["gateway"]["command"] == ["run", "--workers", "2"]


def test_gateway_is_healthy_once_it_answers(model: dict[str, Any], tmp_path: Path) -> None:
    kind, program, *words = model["services"]["gateway"]["healthcheck"]["test"]
    assert (kind, program) == ("CMD", "python3")
    scaffold.write(tmp_path / "demo", scaffold.plan_project("demo"))
    with serving(tmp_path / "demo", "dev") as dev:
        port = dev.event("ready")["url"].rpartition(":")[2]
        asked = [sys.executable, *(word.replace("8000", port) for word in words)]
        assert subprocess.run(asked, capture_output=True).returncode == 0
    assert subprocess.run(asked, capture_output=True).returncode != 0


def is_key_accepted(running: Contained) -> bool:
    """Tell whether both workers accept a new key; each finds it within a second."""
    return all(running.call("GET", "/rooms", scopes=SCOPES).status == 200 for _ in range(16))


@pytest.mark.image
def test_gateway_runs_on_real_servers(
    model: dict[str, Any],
    own_postgres: PostgresServer,
    own_rabbitmq: RabbitServer,
    image: Container,
    state: Path,
) -> None:
    """Databases are created and migrated, and a gateway books a room, also after a restart."""
    own_postgres.run("CREATE ROLE neurova LOGIN CREATEDB PASSWORD 'secret'")
    at = f"127.0.0.1:{own_postgres.port}"
    as_neurova = f"postgresql://neurova:secret@{at}/postgres"
    for statement in model["configs"]["databases"]["content"].split(";"):
        if statement.strip():
            own_postgres.run(statement, as_neurova)
    services = model["services"]
    environment = {
        name: value.replace("@postgres/", f"@{at}/")
        for name, value in services["gateway"]["environment"].items()
    } | {"NEUROVA_GATEWAY_HOST": "127.0.0.1", "NEUROVA_BUS_URL": own_rabbitmq.url}
    keys = environment["NEUROVA_GATEWAY_KEYS"].replace("neurova@", "neurova:secret@")
    behind = image.run(state, "neurova", *services["gateway"]["command"], **environment)
    assert behind.returncode != 0
    assert "neurova db upgrade" in behind.stderr
    for _ in range(2):
        migrated = image.run(state, "neurova", *services["migrate"]["command"], **environment)
        assert migrated.returncode == 0, migrated.stderr
    command = services["gateway"]["command"]
    with Contained(image, state, command, environment, keys) as running:
        until(lambda: is_key_accepted(running))
        made = running.call("POST", "/bookings", json=STAY, scopes=SCOPES)
        assert made.status == 201
        assert running.close() == (0, "")
    with Contained(image, state, command, environment, keys) as running:
        until(lambda: is_key_accepted(running))
        read = running.call("GET", f"/bookings/{made.json()['id']}", scopes=SCOPES)
        assert read.json() == made.json()
        assert running.close() == (0, "")
    # Schemas stay in the state folder, as Compose has no registry.
    assert [file.name for file in state.glob("*.db")] == ["registry.db"]
