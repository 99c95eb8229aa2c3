"""The gateways under test: the embedded one, plugin servers behind a double, a real Kong."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from tests.gateway.kong_sync.admin_double import AdminDouble, serve_admin
from tests.plugins.conftest import PLUGINS
from tests.plugins.kong_double import Server
from tests.serving import neurova, serving, until

from neurova_platform import http_client

from .kong_proxy import Proxy, serve_proxy

PROJECT = Path(__file__).with_name("project")
REAL = "NEUROVA_TEST_KONG_URL"
SCOPES = {"full": ("items:read", "items:write"), "reader": ()}
NAMES = ("neurova-auth", "neurova-rate-limit")


class Candidate(NamedTuple):
    """A gateway under test: its URL and its keys by name; `kong` if Kong is a double."""

    url: str
    keys: dict[str, str]
    kong: KongDoubles | None = None


class KongDoubles(NamedTuple):
    """A double of Kong: its Admin API, its plugin servers, and the project behind it."""

    admin: AdminDouble
    servers: dict[str, Server]
    project: Path


def copy_project(folder: Path) -> Path:
    shutil.copytree(PROJECT, folder)
    return folder


def create_keys(project: Path) -> dict[str, str]:
    keys = {}
    for name, scopes in SCOPES.items():
        words = [word for scope in scopes for word in ("--scope", scope)]
        made = neurova(project, "keys", "create", "--consumer", name, *words, "--json")
        keys[name] = json.loads(made)["key"]
    return keys


def serve_embedded(stack: ExitStack, folder: Path) -> Candidate:
    project = copy_project(folder / "project")
    run = stack.enter_context(serving(project, "run"))
    url = run.event("ready")["url"]
    return wait_for_keys(Candidate(url, create_keys(project)))


def serve_behind_kong(stack: ExitStack, folder: Path) -> Candidate:
    """Serve a runtime that accepts only signed calls, behind a double of Kong with its routes."""
    project = copy_project(folder / "project")
    run = stack.enter_context(serving(project, "run", variables={"NEUROVA_GATEWAY_BEHIND": "kong"}))
    runtime = urlsplit(run.event("ready")["url"]).netloc
    admin = stack.enter_context(serve_admin(AdminDouble()))
    text = (project / "neurova.toml").read_text()
    section = f'\n[gateway.kong]\nadmin = ["{admin.url}"]\ntargets = ["{runtime}"]\n'
    (project / "neurova.toml").write_text(text + section)
    neurova(project, "gateway", "sync", "--yes")
    servers = {}
    for name in NAMES:
        file = PLUGINS / f"{name.replace('-', '_')}.py"
        servers[name] = Server([str(file)], folder, name)
        stack.callback(servers[name].kill)
    url = stack.enter_context(serve_proxy(Proxy(lambda: admin.entities, servers)))
    doubles = KongDoubles(admin, servers, project)
    return wait_for_keys(Candidate(url, create_keys(project), doubles))


def real_kong() -> Candidate:
    """Return the Kong at NEUROVA_TEST_KONG_URL; docs/kong.md explains its setup."""
    keys = {name: os.environ[f"NEUROVA_TEST_KONG_{name.upper()}_KEY"] for name in SCOPES}
    return Candidate(os.environ[REAL], keys)


def wait_for_keys(candidate: Candidate) -> Candidate:
    for key in candidate.keys.values():
        fields = {"X-API-Key": key}
        until(lambda: send(candidate, "GET", "/items/1", fields=fields).status == 200)  # noqa: B023 - called in the loop
    return candidate


def send(candidate: Candidate, method: str, path: str, **options: Any) -> http_client.Answer:
    fields, body = options.get("fields") or {}, options.get("body")
    return http_client.send(candidate.url, method, path, fields, body)


@pytest.fixture(
    scope="module", params=["embedded", "plugin servers", *(["kong"] if REAL in os.environ else [])]
)
def candidate(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Candidate]:
    """Yield each gateway in turn."""
    with ExitStack() as stack:
        folder = tmp_path_factory.mktemp("gateway")
        if request.param == "kong":
            yield real_kong()
        elif request.param == "embedded":
            yield serve_embedded(stack, folder)
        else:
            yield serve_behind_kong(stack, folder)


@pytest.fixture(scope="module")
def doubles(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Candidate]:
    """Yield a separate double of Kong for tests that break it."""
    with ExitStack() as stack:
        yield serve_behind_kong(stack, tmp_path_factory.mktemp("broken"))
