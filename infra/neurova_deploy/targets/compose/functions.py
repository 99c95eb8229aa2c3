"""Render the services that run functions, and Kong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from neurova.functions.descriptions import HEALTH_PATH

from ...project import Project, Unit
from ...resource import Resource, Stage
from .services import (
    BOTH,
    FULL,
    PORT,
    SECRETS,
    STATE,
    after,
    escape,
    make,
    make_functions,
    start,
)

RUNTIME = "runtime"
KONG_HASH = "neurova.dev/kong"
_SERVERS = ("rabbitmq", "redis")


def render_functions(project: Project, unit: Unit, settings: dict[str, str]) -> Iterator[Resource]:
    """Yield the migrations, the runtime, the background services, and the service for commands."""
    has_registry = unit.has_relay and project.deploy.profile == "core"
    own = {**settings, "NEUROVA_SCHEMAS_HOST": "0.0.0.0"}  # noqa: S104 - of the container
    if has_registry:
        settings = {**settings, "NEUROVA_SCHEMAS_URL": "http://relay:8081"}
    yield make_functions(
        project,
        unit,
        "migrate",
        Stage.MIGRATION,
        settings,
        command=["db", "upgrade"],
        restart="no",
        depends_on=after("vault-setup"),
    )
    needs = after("migrate", healthy=_SERVERS)
    runtime = make_functions(
        project,
        unit,
        RUNTIME,
        Stage.RUNTIME,
        settings,
        command=["run", "runtime"],
        networks={"inside": {"aliases": [RUNTIME]}, "outside": {}},
        healthcheck=_http_health(HEALTH_PATH),
        depends_on=needs,
    )
    # Put the version into the name, so that the next runtime starts before this one is deleted.
    yield msgspec.structs.replace(runtime, name=f"{RUNTIME}-{runtime.hash[:8]}")
    if unit.has_subscriptions:
        yield _background(project, unit, "subscriptions", settings, needs)
    if unit.has_relay:
        given, volumes = (own, ["registry:/var/lib/neurova"]) if has_registry else (settings, [])
        yield _background(project, unit, "relay", given, needs, volumes=volumes)
    if project.deploy.profile == "full":
        enabled = {**settings, "NEUROVA_WAREHOUSE_ENABLED": "true"}
        after_all = {**needs, **after(healthy=("clickhouse",))}
        yield _background(project, unit, "warehouse", enabled, after_all, profiles=FULL)
    admin = {**settings, "NEUROVA_SECRETS_AUTH": "token"}
    yield make_functions(
        project,
        unit,
        "admin",
        Stage.RUNTIME,
        admin,
        profiles=("admin",),
        restart="no",
        volumes=["vault-admin:/run/admin:ro"],
        command=["--help"],
    )


def _background(
    project: Project,
    unit: Unit,
    part: str,
    settings: dict[str, str],
    needs: dict[str, dict[str, str]],
    **service: Any,
) -> Resource:
    # This process has no port to check. With wrong settings it exits within 5 seconds, so it is
    # healthy if it is older.
    lives = "test $(( $(date +%s) - $(stat -c %Y /proc/1) )) -ge 5"
    check = {"test": ["CMD-SHELL", escape(lives)], "interval": "2s", "retries": 15}
    networks = ["inside"] if part == "relay" else ["inside", "outside"]
    return make_functions(
        project,
        unit,
        part,
        Stage.RUNTIME,
        settings,
        command=["run", part],
        networks=networks,
        healthcheck=check,
        depends_on=needs,
        **service,
    )


def _http_health(path: str) -> dict[str, Any]:
    code = (
        "from http.client import HTTPConnection\n"
        f'runtime = HTTPConnection("127.0.0.1", {PORT}, timeout=2)\n'
        f'runtime.request("GET", "{path}")\n'
        "exit(runtime.getresponse().status != 200)\n"
    )
    return {
        "test": ["CMD", "python3", "-c", code],
        "interval": "2s",
        "timeout": "5s",
        "retries": 3,
        "start_period": "60s",
    }


def render_kong(
    project: Project, unit: Unit, settings: dict[str, str], version: str
) -> Iterator[Resource]:
    """Yield the job that writes Kong's configuration, and Kong.

    `version`: a hash of the configuration.
    """
    config = "/run/kong/kong.yaml"
    yield make_functions(
        project,
        unit,
        "kong-config",
        Stage.SCALING,  # after the runtime that serves the routes, before Kong reads them
        settings,
        command=["gateway", "render", "--output", config],
        restart="no",
        volumes=["kong-config:/run/kong"],
        depends_on=after("secrets"),
    )
    yield make(
        "kong",
        Stage.GATEWAY,
        BOTH,
        image=project.deploy.kong_image,
        labels={KONG_HASH: version},
        environment={
            "KONG_DECLARATIVE_CONFIG": config,
            "KONG_DNS_VALID_TTL": "1",  # seconds; a new runtime adds an address to the name
            "STATE": STATE,
        },
        ports=[f"127.0.0.1:{project.deploy.port}:{PORT}"],
        networks=["inside", "outside"],
        volumes=[f"kong-secrets:{SECRETS}:ro", "kong-config:/run/kong:ro"],
        read_only=True,
        mem_limit="1g",
        stop_signal="SIGQUIT",  # finish the calls in flight
        stop_grace_period="40s",
        depends_on=after("kong-config", healthy=("redis",)),
        **start("/bin/sh", "/opt/kong/start.sh"),
        command=["/docker-entrypoint.sh", "kong", "docker-start"],
    )
