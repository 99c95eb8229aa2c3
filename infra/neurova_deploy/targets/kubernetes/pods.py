"""Render pods: the privileges of their containers, their volumes and their variables."""

from __future__ import annotations

from typing import Any

from neurova.settings.deploy import Deploy

from ...project import Project, Unit
from ...resource import Resource, Stage

USER = 10001
STATE = "/var/lib/neurova/state"
PORT = 8000
_IDENTITY = "identity.key"
_RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


def object_name(project: Project, *parts: str) -> str:
    """Return a valid Kubernetes name that begins with the project's name."""
    return "-".join((project.name, *(part for part in parts if part))).replace("_", "-")


def labels(project: Project, component: str, unit: str = "", *, track: str = "") -> dict[str, str]:
    """Return the labels of a resource; `track`: "stable" or "canary"."""
    found = {
        "app.kubernetes.io/managed-by": "neurova",
        "app.kubernetes.io/part-of": project.name,
        "app.kubernetes.io/component": component,
    }
    if unit:
        found["neurova.dev/unit"] = unit.replace("_", "-")
    if track:
        found["neurova.dev/track"] = track
    return found


def make(
    project: Project,
    stage: Stage,
    kind: str,
    api: str,
    name: str,
    tags: dict[str, str],
    *,
    is_fixed: bool = False,
    **body: Any,
) -> Resource:
    """Return a resource in the namespace of the project."""
    metadata = {"name": name, "namespace": project.namespace, "labels": tags}
    manifest = {"apiVersion": api, "kind": kind, "metadata": metadata, **body}
    return Resource(kind, name, stage, manifest, is_fixed)


def variables(project: Project) -> list[dict[str, Any]]:
    """Return the variables of all containers that run functions."""
    deploy = project.deploy
    given = dict(each.split("=", 1) for each in deploy.variables)
    both = {**given, **container_variables(deploy)}
    plain = [{"name": name, "value": value} for name, value in sorted(both.items())]
    return [*plain, *secret_variables(project)]


def container_variables(deploy: Deploy) -> dict[str, str]:
    """Return the variables of all containers, in addition to the user's `variables`."""
    found = {
        "NEUROVA_GATEWAY_BEHIND": "kong",
        "NEUROVA_GATEWAY_HOST": "0.0.0.0",  # noqa: S104 - only Kong reaches it: NetworkPolicy
        "NEUROVA_GATEWAY_PORT": str(PORT),
        "NEUROVA_PROJECT_STATE": STATE,
        "NEUROVA_RUNTIME_DRAIN_DELAY": f"{deploy.drain_delay:g}",
    }
    if deploy.has_images_of_services:
        found["NEUROVA_PROJECT_PARTIAL"] = "true"
    if deploy.vault_role:
        found |= {"NEUROVA_SECRETS_AUTH": "kubernetes", "NEUROVA_SECRETS_ROLE": deploy.vault_role}
    return found


def secret_variables(project: Project, *names: str) -> list[dict[str, Any]]:
    """Return the variables that the cluster's Secrets provide: those in `names`, by default all."""
    found = []
    for each in sorted(project.deploy.secret_variables):
        name, _, reference = each.partition("=")
        secret, _, key = reference.partition("#")
        if not names or name in names:
            source = {"secretKeyRef": {"name": secret, "key": key}}
            found.append({"name": name, "valueFrom": source})
    return found


def function_pod(
    project: Project, unit: Unit, component: str, arguments: list[str], **container: Any
) -> dict[str, Any]:
    """Return a pod that runs a command of `neurova` in a unit's image."""
    grace = round(project.deploy.drain_delay + project.drain) + 10
    main = {
        "name": component,
        "image": unit.image,
        "args": arguments,
        "env": variables(project),
        "resources": {
            "requests": {"cpu": project.deploy.cpu, "memory": str(project.deploy.memory)},
            "limits": {"memory": str(project.deploy.memory)},
        },
        **container,
    }
    account = object_name(project, "functions")
    return make_pod(project, account, main, grace=grace, token=bool(project.deploy.vault_role))


def make_pod(
    project: Project,
    account: str,
    main: dict[str, Any],
    *,
    grace: int,
    token: bool = False,
    prepare: str = "",
    volumes: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return a pod without privileges; its state folder contains the key that signs identities.

    `prepare`: a shell command to run before the start. `volumes`: additional volumes by name, each
    mounted at "/<name>".
    """
    mine = {"state": "/var/lib/neurova", "tmp": "/tmp"}  # noqa: S108 - a volume of the pod
    mounts = [{"name": name, "mountPath": path} for name, path in mine.items()]
    extra = volumes or {}
    read = [{"name": name, "mountPath": f"/{name}", "readOnly": True} for name in extra]
    identity = {"name": "identity", "mountPath": "/identity", "readOnly": True}
    # Copy the key, because Kubernetes makes files of a Secret group-readable, and the platform
    # refuses such a key file.
    copy = f"umask 077 && mkdir -p {STATE} && cp /identity/{_IDENTITY} {STATE}/"
    init = {
        "name": "prepare",
        "image": main["image"],
        "command": ["/bin/sh", "-c", f"{copy} && {prepare}" if prepare else copy],
        "securityContext": _RESTRICTED,
        "volumeMounts": [*mounts, identity, *read],
    }
    secret = {"secretName": object_name(project, "identity"), "defaultMode": 0o440}
    return {
        "serviceAccountName": account,
        "automountServiceAccountToken": token,
        "terminationGracePeriodSeconds": grace,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "initContainers": [init],
        "containers": [{**main, "securityContext": _RESTRICTED, "volumeMounts": mounts}],
        "volumes": [
            *({"name": name, "emptyDir": {}} for name in mine),
            {"name": "identity", "secret": secret},
            *({"name": name, **source} for name, source in extra.items()),
        ],
    }


def spread(tags: dict[str, str]) -> list[dict[str, Any]]:
    """Return constraints that spread pods over machines and zones, as far as possible."""
    return [
        {
            "maxSkew": 1,
            "topologyKey": key,
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": tags},
        }
        for key in ("kubernetes.io/hostname", "topology.kubernetes.io/zone")
    ]


def make_deployment(
    project: Project,
    stage: Stage,
    name: str,
    tags: dict[str, str],
    pod: dict[str, Any],
    *,
    replicas: int = 0,
    settle: int = 0,
) -> Resource:
    """Return a Deployment that starts new pods before it stops old ones.

    `replicas`: 0 if an autoscaler sets the number. `settle`: a pod counts as available after it has
    been ready for this many seconds.
    """
    spec: dict[str, Any] = {
        "selector": {"matchLabels": tags},
        "progressDeadlineSeconds": max(round(project.deploy.ready), settle + 1),
        "minReadySeconds": settle,
        "revisionHistoryLimit": 2,
        "strategy": {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0},
        },
        "template": {
            "metadata": {"labels": tags},
            "spec": {**pod, "topologySpreadConstraints": spread(tags)},
        },
    }
    if replicas:
        spec["replicas"] = replicas
    return make(project, stage, "Deployment", "apps/v1", name, tags, spec=spec)
