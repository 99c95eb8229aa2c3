"""Make one Compose service: common limits, an entrypoint that reads secrets, and dependencies."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from neurova.errors import ConfigError

from ...project import Project, Unit
from ...resource import Resource, Stage

STATE = "/var/lib/neurova/state"
PORT = 8000
SECRETS = "/run/neurova"
USER = "10001:10001"
BOTH, FULL = ("core", "full"), ("full",)
_PIDS = 512
_TEMPLATES = Path(__file__).with_name("templates")
_PACKAGE = Path(__file__).parents[2]


def compose_name(project: Project) -> str:
    """Return a Compose project name per environment, as one machine may run several."""
    return f"{project.name}-{project.environment}"


def template(name: str) -> str:
    """Return the text of a file in `templates/`."""
    return (_TEMPLATES / name).read_text("utf-8")


def vault_files() -> dict[str, str]:
    """Return the text of the script that prepares Vault, and of its policies, by file name."""
    for folder in (_PACKAGE / "_assets" / "vault", _PACKAGE.parent / "vault"):
        if folder.is_dir():
            names = ["bootstrap.sh", *(f"policies/{each.name}" for each in folder.glob("*/*.hcl"))]
            return {name: (folder / name).read_text("utf-8") for name in sorted(names)}
    raise ConfigError("infra/vault is missing", where=str(_PACKAGE), fix="reinstall neurova")


def escape(text: str) -> str:
    """Escape a text so that Compose does not replace variables in it."""
    return text.replace("$", "$$")


def start(*words: str) -> dict[str, Any]:
    """Return an entrypoint that reads the secret files, then runs `words` and the command."""
    script = escape(template("start.sh"))
    return {"entrypoint": ["/bin/sh", "-c", script, "start", *words]}


def after(*done: str, healthy: tuple[str, ...] = ()) -> dict[str, dict[str, str]]:
    """Return `depends_on` for a service that needs the jobs `done` and the servers `healthy`."""
    found = {name: {"condition": "service_completed_successfully"} for name in done}
    return {**found, **{name: {"condition": "service_healthy"} for name in healthy}}


def make(name: str, stage: Stage, profiles: tuple[str, ...], **service: Any) -> Resource:
    """Return a service with minimal privileges and limits; `service` overrides them."""
    manifest: dict[str, Any] = {
        "profiles": list(profiles),
        "networks": ["inside"],
        "restart": "unless-stopped",
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "pids_limit": _PIDS,
        **service,
    }
    manifest = {key: value for key, value in manifest.items() if value is not None}
    if manifest.get("read_only"):
        manifest.setdefault("tmpfs", ["/tmp"])  # noqa: S108 - of the container
    return Resource("Service", name, stage, manifest)


def make_job(name: str, stage: Stage, profiles: tuple[str, ...], **service: Any) -> Resource:
    """Return a service that runs once, and again when its definition changes."""
    limits = {"restart": "no", "mem_limit": str(256 << 20)}
    return make(name, stage, profiles, **limits, **service)


def make_functions(
    project: Project,
    unit: Unit,
    name: str,
    stage: Stage,
    variables: Mapping[str, str],
    **service: Any,
) -> Resource:
    """Return a service that runs a command of `neurova` in the image of the functions."""
    grace = round(project.deploy.drain_delay + project.drain) + 10
    mounts = [f"functions-secrets:{SECRETS}:ro", "vault-login:/run/login:ro"]
    volumes = [*mounts, *service.pop("volumes", ())]
    both = {
        "image": unit.image,
        "environment": {**variables, "STATE": STATE},
        "volumes": volumes,
        "read_only": True,
        "mem_limit": str(project.deploy.memory),
        "stop_grace_period": f"{grace}s",
        **start("neurova"),
    }
    profiles = service.pop("profiles", BOTH)
    return make(name, stage, profiles, **{**both, **service})
