"""`neurova gateway`, and the check of Kong in `neurova doctor`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml
from tests.gateway.kong_sync.admin_double import AdminDouble, serve_admin

ONLY = ("--only-plugins", "--service", "orders", "--scope", "orders:read", "--limit", "9/minute")


@pytest.fixture(params=["database", "declarative"])
def kong(project: Path, request: pytest.FixtureRequest) -> Iterator[AdminDouble]:
    """Yield a Kong in each mode, set in the project, with a service of another owner."""
    double = AdminDouble(has_database=request.param == "database")
    double.put("services", str(uuid4()), {"name": "orders", "host": "orders.internal"})
    with serve_admin(double), (project / "neurova.toml").open("a") as file:
        file.write(f'\n[gateway.kong]\nadmin = ["{double.url}"]\ntargets = ["10.0.0.5:8000"]\n')
        file.flush()
        yield double


def test_configuration_is_rendered(cli: Callable[..., Any], project: Path) -> None:
    document = yaml.safe_load(cli("gateway", "render").stdout)
    assert document == json.loads(cli("gateway", "render", "--json").stdout)
    names = [route.get("name") for route in document["routes"]]
    assert "demo.hello.hello" in names
    assert cli("gateway", "render", "--output", "kong.yaml").stdout.startswith("kong.yaml: ")
    assert yaml.safe_load((project / "kong.yaml").read_text()) == document


def test_sync_shows_changes_and_asks_before_it_applies_them(
    cli: Callable[..., Any], kong: AdminDouble
) -> None:
    before = kong.state()
    shown = cli("gateway", "diff")
    assert shown.exit_code == 1
    assert "+ route hello.hello  GET HEAD /hello/{name}" in shown.stdout
    assert cli("gateway", "sync", stdin="n\n").exit_code == 1
    assert kong.state() == before
    assert cli("gateway", "sync", stdin="y\n").exit_code == 0
    again = cli("gateway", "diff")
    assert (again.exit_code, again.stdout) == (0, "")
    assert json.loads(cli("gateway", "diff", "--json").stdout) == {kong.url: []}
    assert json.loads(cli("gateway", "sync", "--yes", "--json").stdout) == {kong.url: []}


def test_plugins_alone_protect_a_service_that_kong_has(
    cli: Callable[..., Any], kong: AdminDouble
) -> None:
    document = yaml.safe_load(cli("gateway", "render", *ONLY).stdout)
    assert {name for name in document if name[0] != "_"} == {"plugins"}
    assert {each["service"] for each in document["plugins"]} == {"orders"}
    assert cli("gateway", "sync", "--yes", *ONLY).exit_code == 0
    assert cli("gateway", "diff", *ONLY).exit_code == 0
    plugins = {each["name"]: each["config"] for each in kong.entities["plugins"].values()}
    assert plugins["neurova-auth"]["scopes"] == ["orders:read"]
    assert plugins["neurova-auth"]["identity_key"] is None
    assert plugins["neurova-rate-limit"]["limit"] == "9/minute"
    assert len(kong.entities["services"]) == 1


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--service", "orders"], 2, "need --only-plugins"),
        (["--only-plugins"], 2, "either --service NAME or --route NAME"),
        (["--only-plugins", "--route", "a", "--limit", "often"], 2, "--limit"),
    ],
)
def test_wrong_options_are_refused(
    words: list[str], code: int, says: str, cli: Callable[..., Any], project: Path
) -> None:
    result = cli("gateway", "render", *words)
    assert result.exit_code == code
    assert says in result.stderr


def test_doctor_finds_missing_plugins_of_kong(cli: Callable[..., Any], kong: AdminDouble) -> None:
    assert f"{kong.url}: Kong 3.9.1" in cli("doctor").stdout
    kong.plugins.remove("neurova-rate-limit")
    assert "has not loaded the plugins neurova-rate-limit" in cli("doctor").stdout
    assert cli("gateway", "sync", "--yes").exit_code == 3


def test_project_without_kong_says_which_setting_is_missing(
    cli: Callable[..., Any], project: Path
) -> None:
    result = cli("gateway", "diff")
    assert result.exit_code == 3
    assert "gateway.kong.admin" in str(result.stderr) + str(result.exception)
