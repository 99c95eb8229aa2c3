"""`neurova deploy local`, from plan to destroy, on a double of Docker's command line."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from neurova.errors import NeurovaError
from neurova.settings.deploy import Deploy
from neurova_deploy.engine import Engine, Who, find_plan
from neurova_deploy.project import Project, Unit
from neurova_deploy.record import Content
from neurova_deploy.targets.compose import command
from neurova_deploy.targets.compose.provider import ComposeProvider
from neurova_deploy.targets.compose.target import ComposeTarget
from neurova_platform.cli.group import root

from .docker import Docker

UNIT = Unit("", ("cart", "greet"), "shop:1", ("greet.q",), True, True)
CORE = ["kong", "postgres", "rabbitmq", "redis", "relay", "subscriptions", "vault"]
FULL = ["clickhouse", "jaeger", "loki", "mlflow", "registry", "warehouse"]


class Machine:
    """A project, and the machine that it is deployed to."""

    def __init__(self, folder: Path, docker: Docker) -> None:
        self.docker, self.lines = docker, list[str]()
        deploy = Deploy(target="compose", image="shop:{version}", kong_image="kong:1")
        state = str(folder / "state")
        self.project = Project("shop", "local", deploy, (UNIT,), (), root=str(folder), state=state)
        self.routes = "1"

    def set(self, image: str = "shop:1", **deploy: Any) -> None:
        """Change the functions' image and other deploy settings."""
        unit = msgspec.structs.replace(UNIT, image=image)
        changed = msgspec.structs.replace(self.project.deploy, **deploy)
        self.project = msgspec.structs.replace(self.project, units=(unit,), deploy=changed)

    def content(self) -> Content:
        def kong(targets: Mapping[str, Any]) -> dict[str, Any]:
            return {"routes": self.routes, "targets": targets}

        return Content(ComposeProvider().render(self.project, kong), ())

    def target(self) -> ComposeTarget:
        return ComposeTarget(self.project)

    def plan(self) -> list[str]:
        changes = find_plan(self.target(), self.content()).changes
        return [f"{each.action} {each.key.partition('/')[2]}" for each in changes]

    def engine(self) -> Engine:
        return Engine(self.target(), Who("t"), self.lines.append, pause=lambda _: None)

    def deploy(self) -> None:
        self.engine().deploy(self.content(), ready=5)

    def check_and_deploy(self) -> None:
        self.target().check()
        self.deploy()

    def runtimes(self) -> list[str]:
        return [each for each in self.docker.services() if each.startswith("runtime-")]


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Docker:
    found = Docker()
    (tmp_path / "bin").mkdir()
    found.install(monkeypatch, tmp_path / "bin")
    return found


@pytest.fixture
def machine(tmp_path: Path, docker: Docker) -> Machine:
    return Machine(tmp_path, docker)


@pytest.mark.parametrize(("profile", "servers"), [("core", CORE), ("full", [*CORE, *FULL])])
def test_second_plan_is_empty(machine: Machine, profile: str, servers: list[str]) -> None:
    machine.set(profile=profile)
    plan = machine.plan()
    assert machine.docker.changes == []
    assert {f"create {each}" for each in (*servers, "secrets", "migrate", "admin")} <= {*plan}
    machine.deploy()
    assert {*machine.docker.services()} == {*servers, *machine.runtimes()}
    assert machine.plan() == []


def test_new_version_is_healthy_before_the_old_one_stops(machine: Machine) -> None:
    machine.deploy()
    (old,) = machine.runtimes()
    machine.set("shop:2")
    machine.docker.changes.clear()
    machine.deploy()
    (new,) = machine.runtimes()
    changes = machine.docker.changes
    assert changes.index(f"up {new}") < changes.index(f"stop id-{old}")
    assert not {f"up {name}" for name in ("kong", "postgres", "redis")} & {*changes}


def test_changed_routes_reload_kong(machine: Machine) -> None:
    machine.deploy()
    machine.routes = "2"
    assert machine.plan() == ["update kong"]
    machine.docker.changes.clear()
    machine.deploy()
    assert machine.docker.changes == ["exec reload"]
    assert machine.plan() == []


def test_unhealthy_release_is_rolled_back(machine: Machine) -> None:
    machine.deploy()
    runtimes = machine.runtimes()
    machine.set("shop:broken")
    with pytest.raises(NeurovaError, match="release 1 serves"):
        machine.deploy()
    assert machine.runtimes() == runtimes
    assert f"stop id-{runtimes[0]}" not in machine.docker.changes
    assert [each.status for each in machine.target().heads()] == ["deployed", "failed"]


def test_rollback_brings_the_release_before_back(machine: Machine) -> None:
    machine.deploy()
    before = machine.runtimes()
    machine.set("shop:2")
    machine.deploy()
    machine.engine().roll_back(machine.target().heads()[0], 5)
    assert machine.runtimes() == before
    machine.set("shop:1")
    assert machine.plan() == ["create migrate"]


def test_interrupted_deployment_is_continued(machine: Machine) -> None:
    """Whichever command a deployment stops at, the next deployment reaches the same final state."""
    machine.deploy()
    machine.set("shop:2")
    machine.routes = "2"
    start, files = json.dumps(machine.docker.containers), _read(machine.target())
    machine.docker.changes.clear()
    machine.deploy()
    wanted, steps = json.dumps(machine.docker.containers, sort_keys=True), machine.docker.changes
    for step in range(len(steps)):
        machine.docker.containers = json.loads(start)
        _write(machine.target(), files)
        machine.docker.changes, machine.docker.fail_after = [], step
        with pytest.raises(NeurovaError):
            machine.deploy()
        machine.docker.fail_after = None
        machine.deploy()
        assert json.dumps(machine.docker.containers, sort_keys=True) == wanted, steps[step]
        assert machine.plan() == []


def _read(target: ComposeTarget) -> dict[Path, bytes]:
    folder = Path(target._project.state)
    return {each: each.read_bytes() for each in folder.rglob("*") if each.is_file()}


def _write(target: ComposeTarget, files: dict[Path, bytes]) -> None:
    for each in _read(target):
        each.unlink()
    for each, content in files.items():
        each.write_bytes(content)


def test_containers_stopped_or_removed_by_hand_are_found(machine: Machine) -> None:
    machine.deploy()
    machine.docker.containers["redis"]["State"] = "exited"
    del machine.docker.containers["relay"]
    machine.docker.containers["old"] = {**machine.docker.containers["kong"], "Service": "old"}
    assert machine.plan() == ["update redis", "create relay", "delete old"]


def test_destroy_leaves_no_container(machine: Machine) -> None:
    machine.deploy()
    machine.engine().destroy()
    assert machine.docker.containers == {}
    assert machine.docker.changes[-1] == "down"
    assert machine.target().heads() == []


def test_two_deployments_at_once_are_refused(machine: Machine) -> None:
    first, second = machine.target(), machine.target()
    first.lock("a")
    with pytest.raises(NeurovaError, match="another `neurova deploy` runs"):
        second.lock("b")
    first.unlock()
    second.lock("b")
    second.unlock()


@pytest.mark.parametrize(
    ("word", "output", "said"),
    [
        ("info", "Cannot connect to the Docker daemon", "start it"),
        ("kong", "Bind for 127.0.0.1:8080 failed: port is already allocated", "set `port`"),
        ("secrets", "pull access denied for neurova-platform", "build or pull it"),
        ("postgres", "write /var: no space left on device", "free disk space"),
    ],
)
def test_refusal_of_the_engine_names_the_fix(
    machine: Machine, word: str, output: str, said: str
) -> None:
    machine.docker.refuses[word] = output
    with pytest.raises(NeurovaError) as caught:
        machine.check_and_deploy()
    assert said in caught.value.fix
    assert output.split()[-1] in caught.value.what


@pytest.mark.parametrize("has_docker", [False, True])
def test_machine_without_compose_is_told_what_to_install(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, has_docker: bool
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "bin" if has_docker else tmp_path))
    machine.docker.refuses["version"] = "docker: 'compose' is not a docker command"
    with pytest.raises(NeurovaError, match="no `compose`" if has_docker else "no container engine"):
        machine.target()


FUNCTION = """
from neurova import get


@get("/greet", public=True)
async def greet() -> str:
    return "hello"
"""


@pytest.fixture
def shop(tmp_path: Path, docker: Docker, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """A project without a `local` section, and `neurova deploy` in its folder."""
    (tmp_path / "neurova.toml").write_text('[project]\nname = "shop"\n')
    file = tmp_path / "functions" / "greet" / "greet.py"
    file.parent.mkdir(parents=True)
    file.write_text(FUNCTION)
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(root, ["deploy", *words], catch_exceptions=False)


def test_local_needs_no_section(shop: Callable[..., Any], docker: Docker) -> None:
    assert shop("local", "--plan").exit_code == 2
    assert shop("local", "--yes").exit_code == 0
    assert "relay" not in docker.services()
    assert "Nothing to change" in shop("local", "--yes").stdout
    status = json.loads(shop("status", "local", "--json").stdout)
    assert {each["state"] for each in status["resources"].values()} == {"ready"}
    assert shop("local", "--canary", "10%").exit_code != 0


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ('image = "shop-{service}"', "one image"),
        ('secret_variables = ["A=b#c"]', "which has a Vault"),
        ("replicas = 3", "has no use"),
        ('profile = "all"', "profile"),
    ],
)
def test_wrong_setting_names_the_fix(
    shop: Callable[..., Any], tmp_path: Path, section: str, said: str
) -> None:
    toml = tmp_path / "neurova.toml"
    toml.write_text(f'[deploy.local]\ntarget = "compose"\n{section}\n')
    done = shop("local", "--plan")
    assert done.exit_code != 0
    assert said in done.stderr


def test_output_of_older_compose_versions_is_read() -> None:
    from neurova_deploy.targets.compose.health import read_rows

    assert read_rows('[{"Service": "a"}]') == read_rows('{"Service": "a"}\n') == [{"Service": "a"}]
    assert command.explain("", ["compose", "up"]).what == "the command failed"
