"""The rendered Compose file is valid and safe, and its core services run with real servers."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import redis
import yaml
from tests.servers.go_program import built
from tests.servers.ports import free_ports
from tests.servers.postgres import PostgresServer, binaries
from tests.servers.rabbitmq import RabbitServer
from tests.servers.redis import _find_or_install
from tests.serving import neurova, until

from neurova_platform import http_client

from .composed import Composed

pytestmark = pytest.mark.server
DOMAIN = """
from neurova import Event


class Sold(Event):
    number: int
"""
SELL = """
from neurova import Tx, post

from .domain import Sold


@post("/sales", public=True, limit="100/minute")
async def sell(tx: Tx) -> None:
    tx.publish(Sold(number=1))
"""
MAIL = """
from neurova import Event, Tx, on


class Sold(Event, source="shop"):
    number: int


@on(Sold)
async def mail(event: Sold, tx: Tx) -> None:
    pass
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create a project with an event, its publisher and its subscription."""
    folder = tmp_path_factory.mktemp("compose") / "project"
    for name, text in (("shop/domain", DOMAIN), ("shop/sell", SELL), ("mailer/mail", MAIL)):
        file = folder / "functions" / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (folder / "neurova.toml").write_text('[project]\nname = "shop"\n')
    return folder


@pytest.fixture(scope="module", params=["core", "full"])
def model(request: pytest.FixtureRequest, project: Path) -> dict[str, Any]:
    """Return the Compose file of a profile as the Compose library loads it."""
    return load(project, request.param)


def load(project: Path, profile: str) -> dict[str, Any]:
    file = render(project, profile)
    words = [built("compose-go"), "-format", "json", str(file)]
    ran = subprocess.run(words, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    loaded: dict[str, Any] = json.loads(ran.stdout)
    return loaded


def render(project: Path, profile: str) -> Path:
    variables = {"NEUROVA_DEPLOY_LOCAL_TARGET": "compose", "NEUROVA_DEPLOY_LOCAL_PROFILE": profile}
    file = project / f"{profile}.yaml"
    file.write_text(neurova(project, "deploy", "render", "local", variables=variables))
    return file


def test_no_password_is_in_the_file(model: dict[str, Any]) -> None:
    assert re.findall("[0-9a-f]{24,}", json.dumps(model)) == []
    for service in model["services"].values():
        assert [name for name in service.get("environment", {}) if "PASS" in name] == []


def test_services_have_few_rights_and_limits(model: dict[str, Any]) -> None:
    for name, service in model["services"].items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["mem_limit"]
        assert service["pids_limit"] > 0
        assert ("healthcheck" in service) or service["restart"] == "no" or name == "kong"
        for port in service.get("ports", ()):
            assert port["host_ip"] == "127.0.0.1"
    servers = ("postgres", "redis", "rabbitmq", "vault")
    assert all(list(model["services"][name]["networks"]) == ["inside"] for name in servers)
    assert model["networks"]["inside"]["internal"] is True


def test_each_dependency_is_there_and_can_be_met(model: dict[str, Any]) -> None:
    services = model["services"]
    for name, service in services.items():
        for other, needed in service.get("depends_on", {}).items():
            ends = services[other]["restart"] == "no"
            is_done = needed["condition"] == "service_completed_successfully"
            assert is_done if ends else "healthcheck" in services[other], (name, other)
            assert {*service["profiles"]} <= {*services[other]["profiles"]}


@pytest.fixture
def composed(
    project: Path, tmp_path: Path, own_postgres: PostgresServer, own_rabbitmq: RabbitServer
) -> Composed:
    """Return the core services with the addresses of real servers."""
    services = yaml.safe_load(render(project, "core").read_text())["services"]
    (runtime,) = [name for name in services if name.startswith("runtime-")]
    services["runtime"] = services.pop(runtime)
    shutil.copytree(project, tmp_path / "project")
    found = Composed(services, tmp_path, str(binaries()))
    vault, store, schemas = free_ports(3)
    postgres = f"127.0.0.1:{own_postgres.port}"
    found.hosts = {
        "@postgres/": f"@{postgres}/",
        "//postgres/": f"//{postgres}/",
        "postgres:5432": postgres,
        '"PGHOST": "postgres"': f'"PGHOST": "127.0.0.1", "PGPORT": "{own_postgres.port}"',
        "redis://redis:6379": f"redis://127.0.0.1:{store}",
        "dir /data": f"dir {found.volume('redis')}\\nport {store}\\nbind 127.0.0.1",
        "amqp://neurova:@rabbitmq@@rabbitmq/": own_rabbitmq.url,
        "http://vault:8200": f"http://127.0.0.1:{vault}",
        "0.0.0.0:8200": f"127.0.0.1:{vault}",
        'path = \\"/vault\\"': f'path = \\"{found.volume("vault")}\\"',
        "http://relay:8081": f"http://127.0.0.1:{schemas}",
        '"NEUROVA_SCHEMAS_HOST": "0.0.0.0"': (
            f'"NEUROVA_SCHEMAS_HOST": "127.0.0.1", "NEUROVA_SCHEMAS_PORT": "{schemas}"'
        ),
        "0.0.0.0": "127.0.0.1",
    }
    found.ports = {"vault": vault, "redis": store}
    return found


def create_databases(composed: Composed, postgres: PostgresServer) -> str:
    """Create the passwords and the databases; return the server's URL without a path."""
    composed.create_secrets()
    text = (composed.volume("postgres-secrets") / "env").read_text()
    (password,) = re.findall("POSTGRES_PASSWORD=(.+)", text)
    postgres.run(f"CREATE ROLE neurova SUPERUSER LOGIN PASSWORD '{password}'")
    composed.run("databases")
    return f"postgresql://neurova:{password}@127.0.0.1:{postgres.port}"


def test_passwords_and_databases_are_created_once(
    composed: Composed, own_postgres: PostgresServer
) -> None:
    url = create_databases(composed, own_postgres)
    files = [each for each in composed.folder.glob("*-secrets/**/*") if each.is_file()]
    before = {each: each.read_bytes() for each in files}
    assert {each.stat().st_mode & 0o777 for each in files} == {0o600}
    composed.create_secrets()
    composed.run("databases")
    assert {each: each.read_bytes() for each in files} == before
    owners = "SELECT datname, pg_get_userbyid(datdba) FROM pg_database WHERE datname = ANY($$%s$$)"
    rows = own_postgres.run(owners % "{keys,mailer,shop}", f"{url}/postgres")
    assert sorted(rows) == [(name, name) for name in ("keys", "mailer", "shop")]


def test_core_runs_on_real_servers(composed: Composed, own_postgres: PostgresServer) -> None:
    """Start from nothing: passwords, databases, Vault, migrations; then deliver an event."""
    postgres = create_databases(composed, own_postgres)
    composed.path += os.pathsep + str(Path(built("bao")).parent)
    composed.services["redis"]["command"][0] = _find_or_install()
    with (
        composed.server("vault", composed.ports["vault"]),
        composed.server("redis", composed.ports["redis"]),
    ):
        with pytest.raises(redis.AuthenticationError):
            redis.Redis(port=composed.ports["redis"]).ping()
        for job in ("vault-setup", "migrate") * 2:  # jobs run again at each start
            composed.run(job)
        config = composed.run("kong-config")
        assert "entities" in config
        composed.services["runtime"]["environment"]["NEUROVA_GATEWAY_BEHIND"] = ""
        with (
            composed.serving("relay") as relay,
            composed.serving("subscriptions") as subscriptions,
            composed.serving("runtime") as runtime,
        ):
            assert relay.event("ready")["registry"]
            subscriptions.event("ready")
            url = runtime.event("ready")["url"]
            assert http_client.send(url, "POST", "/sales", {}, None).status == 204
            count = "SELECT count(*) FROM nv_inbox"
            until(lambda: own_postgres.run(count, f"{postgres}/mailer") == [(1,)])
