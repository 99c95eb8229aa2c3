"""Render a project to the services of Compose, without I/O beyond the templates."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from neurova.settings.deploy import Deploy
from neurova_gateway.kong_sync.document import read_yaml

from ...project import Project, Unit
from ...resource import Resource, Stage, content_hash
from ..base import RenderKong
from .functions import RUNTIME, render_functions, render_kong
from .services import (
    BOTH,
    FULL,
    PORT,
    SECRETS,
    STATE,
    USER,
    after,
    escape,
    make,
    make_job,
    start,
    template,
    vault_files,
)

HASH = "neurova.dev/hash"
_SETUP_RIGHTS = ["CHOWN", "DAC_OVERRIDE", "FOWNER"]
_HCL = """storage "file" { path = "/vault" }
listener "tcp" {
  address = "0.0.0.0:8200"
  tls_disable = true
}
seal "static" {
  current_key_id = "compose"
  current_key = "env://VAULT_SEAL_KEY"
}
disable_mlock = true
"""


def variables(deploy: Deploy, services: Sequence[str]) -> dict[str, str]:
    """Return the variables of all containers that run functions."""
    found = {
        "NEUROVA_GATEWAY_BEHIND": "kong",
        "NEUROVA_GATEWAY_HOST": "0.0.0.0",  # noqa: S104 - of the container
        "NEUROVA_GATEWAY_PORT": str(PORT),
        "NEUROVA_GATEWAY_KEYS": "postgresql://keys@postgres/keys",
        "NEUROVA_GATEWAY_KONG_TARGETS": f"{RUNTIME}:{PORT}",
        "NEUROVA_GATEWAY_LIMITS": "redis://redis:6379/0",
        "NEUROVA_BUS_URL": "amqp://neurova@rabbitmq/",
        "NEUROVA_PROJECT_STATE": STATE,
        "NEUROVA_RUNTIME_DRAIN_DELAY": f"{deploy.drain_delay:g}",
        "NEUROVA_SECRETS_URL": "http://vault:8200",
        "NEUROVA_SECRETS_AUTH": "approle",
        # Placeholders: the job `vault-setup` writes the real values into a file that the containers
        # read.
        "NEUROVA_SECRETS_ROLE": "of-vault-setup",
        "NEUROVA_SECRETS_SECRET_ID": "of-vault-setup",
        "NEUROVA_WAREHOUSE_ENABLED": "false",
    }
    for name in services:
        section = f"NEUROVA_SERVICES_{name.upper()}"
        found[f"{section}_DATABASE"] = f"postgresql://postgres/{name}?sslmode=disable"
        found[f"{section}_CREDENTIALS"] = f"database/creds/{name}"
    if deploy.profile == "full":
        found |= {
            "NEUROVA_LOGS_URL": "loki+http://loki:3100",
            "NEUROVA_MODELS_URL": "http://mlflow:5000",
            "NEUROVA_SCHEMAS_URL": "http://registry:8080/apis/ccompat/v7",
            "NEUROVA_TRACES_URL": "http://jaeger:4318",
        }
    return found


def render(project: Project, kong: RenderKong) -> tuple[Resource, ...]:
    """Return the services of the chosen profile, in the order in which they start."""
    (unit,) = project.units
    given = dict(each.split("=", 1) for each in project.deploy.variables)
    settings = {**given, **variables(project.deploy, unit.services)}
    servers = [*_render_servers()]
    targets = dict.fromkeys(unit.services, (f"{RUNTIME}:{PORT}",))
    found = [
        _secrets(project, unit, servers),
        *servers,
        *_render_setup(project, unit),
        *render_functions(project, unit, settings),
        *render_kong(project, unit, settings, content_hash(kong(targets))),
    ]
    chosen = [each for each in found if _is_in(project.deploy.profile, each)]
    return tuple(sorted(chosen, key=lambda each: each.stage))


def document(name: str, services: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Return services as one Compose file, with their volumes.

    Removes dependencies on services that are not in the file.
    """
    written = {}
    for service, manifest in services.items():
        needs = {k: v for k, v in manifest.get("depends_on", {}).items() if k in services}
        rest = {key: value for key, value in manifest.items() if key != "depends_on"}
        labels = {**manifest.get("labels", {}), HASH: hash_of(manifest)}
        written[service] = {**rest, "labels": labels, **({"depends_on": needs} if needs else {})}
    mounts = (each for service in services.values() for each in service.get("volumes", ()))
    volumes = sorted({each.partition(":")[0] for each in mounts if each[0] not in "./"})
    return {
        "name": name,
        "services": written,
        "networks": {"inside": {"internal": True}, "outside": {}},
        "volumes": {each: {} for each in volumes},
    }


def hash_of(manifest: Mapping[str, Any]) -> str:
    """Return the hash of a manifest without its labels, which change without a new container.

    Kong's labels contain the hash of its routes, which Kong reloads while it runs.
    """
    return content_hash({key: each for key, each in manifest.items() if key != "labels"})


def _is_in(profile: str, resource: Resource) -> bool:
    profiles = resource.manifest["profiles"]
    return profile in profiles or profiles == ["admin"]


def _render_servers() -> Iterator[Resource]:
    for profile, servers in read_yaml(template("servers.yaml"), "servers.yaml").items():
        for name, manifest in servers.items():
            needs, has_secrets = manifest.pop("x-after", []), manifest.pop("x-secrets", False)
            if has_secrets:
                volumes = [f"{name}-secrets:{SECRETS}:ro", *manifest.get("volumes", ())]
                manifest |= {"volumes": volumes, **start()}
            # Start a server that needs a database only after the databases exist.
            stage = Stage.RUNTIME if needs else Stage.SERVERS
            chosen = BOTH if profile == "core" else FULL
            yield make(
                name, stage, chosen, cpus=1.0, depends_on=after("secrets", *needs), **manifest
            )


def _secrets(project: Project, unit: Unit, servers: list[Resource]) -> Resource:
    """Return the job that creates passwords; as the first service, it also builds the image."""
    functions = {
        "PGPASSWORD": "@login@",
        "REDISCLI_AUTH": "@redis@",
        "NEUROVA_BUS_URL": "amqp://neurova:@rabbitmq@@rabbitmq/",
    }
    if project.deploy.profile == "core":
        functions["NEUROVA_SCHEMAS_TOKEN"] = "@schemas@"  # noqa: S105 - a placeholder
    else:
        functions["NEUROVA_WAREHOUSE_URL"] = (
            "clickhouse://neurova:@clickhouse@@clickhouse:8123/neurova"
        )
    redis = "requirepass @redis@\nappendonly yes\ndir /data\n"
    files: dict[str, dict[str, str]] = {
        "postgres-secrets": {"env": "POSTGRES_PASSWORD=@postgres@\nLOGIN_PASSWORD=@login@\n"},
        "redis-secrets": {"redis.conf": redis},
        "rabbitmq-secrets": {"env": "RABBITMQ_DEFAULT_PASS=@rabbitmq@\n"},
        "vault-secrets": {"env": "VAULT_SEAL_KEY=@seal@\n", "vault.hcl": _HCL},
        "setup-secrets": {"env": "POSTGRES_ADMIN_PASSWORD=@postgres@\n", **vault_files()},
        "functions-secrets": {"env": _lines(functions), "identity.key": "@identity@"},
        "kong-secrets": {
            "env": "PGPASSWORD=@login@\nREDISCLI_AUTH=@redis@\n",
            "identity.key": "@identity@",
        },
        "registry-secrets": {"env": "APICURIO_DATASOURCE_PASSWORD=@login@\n"},
        "clickhouse-secrets": {"env": "CLICKHOUSE_PASSWORD=@clickhouse@\n"},
    }
    there = {each.name for each in servers if _is_in(project.deploy.profile, each)}
    ours = {"setup", "functions", "kong", *there}
    files = {name: each for name, each in files.items() if name.partition("-")[0] in ours}
    owned = ["redis", "vault", "vault-login", "vault-admin", "kong-config"]
    owned += sorted({"loki", "mlflow"} & there)
    wanted = json.dumps({"files": files, "owned": owned}, sort_keys=True)
    script = escape(template("secrets.py"))
    return make_job(
        "secrets",
        Stage.SECRETS,
        BOTH,
        image=unit.image,
        build=_build(project),
        user="0:0",
        cap_add=_SETUP_RIGHTS,
        network_mode="none",
        networks=None,
        entrypoint=["python3", "-c", script, "/secrets", escape(wanted)],
        volumes=[f"{each}:/secrets/{each}" for each in ("all", *files, *owned)],
        read_only=True,
    )


def _lines(values: Mapping[str, str]) -> str:
    return "".join(f"{name}={value}\n" for name, value in values.items())


def _build(project: Project) -> dict[str, Any]:
    if project.has_dockerfile:
        return {"context": "."}
    lines = [f"FROM {project.deploy.platform_image}"]
    lines += [f"COPY {name} ./{name}" for name in project.sources]
    return {"context": ".", "dockerfile_inline": "\n".join(lines) + "\n"}


def _render_setup(project: Project, unit: Unit) -> Iterator[Resource]:
    logins = "keys registry" if project.deploy.profile == "full" else "keys"
    yield make_job(
        "databases",
        Stage.BASE,
        BOTH,
        image="docker.io/library/postgres:17-alpine",
        user=USER,
        environment={
            "PGHOST": "postgres",
            "PGUSER": "neurova",
            "PGDATABASE": "postgres",
            "SCRIPT": escape(template("databases.sql")),
        },
        volumes=[f"postgres-secrets:{SECRETS}:ro"],
        read_only=True,
        depends_on=after(healthy=("postgres",)),
        **start("/bin/sh", "-c"),
        command=[
            escape(
                'export PGPASSWORD="$POSTGRES_PASSWORD"; printf %s "$SCRIPT" | '
                f'psql --quiet -v services="{" ".join(unit.services)}" -v servers="{logins}"'
            )
        ],
    )
    yield make_job(
        "vault-setup",
        Stage.BASE,
        BOTH,
        image="docker.io/openbao/openbao:2.4.0",
        user=USER,
        environment={
            "BAO_ADDR": "http://vault:8200",
            "POSTGRES_ADDRESS": "postgres:5432",
            "POSTGRES_ADMIN": "neurova",
            "POSTGRES_SSLMODE": "disable",
        },
        volumes=[
            f"setup-secrets:{SECRETS}:ro",
            "vault-admin:/run/admin",
            "vault-login:/run/login",
        ],
        read_only=True,
        depends_on=after("databases", healthy=("vault",)),
        **start("/bin/sh", "-c", escape(template("vault.sh")), "vault"),
        command=["neurova", *unit.services],
    )
