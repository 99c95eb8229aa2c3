"""Render the resources of Kong: its configuration in ConfigMaps, and its Deployment."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Iterator
from typing import Any

import msgspec

from ...project import Project
from ...resource import Resource, Stage, content_hash
from .functions import disruption_budget
from .pods import PORT, labels, make, make_deployment, make_pod, object_name, secret_variables

KONG = "kong"
PART = 600_000
"""The maximum bytes of one part of a file: in base64 it fits into Kubernetes's limit of 1 MiB."""
_FILE = "/var/lib/neurova/kong.json"
_DRAIN = 15  # seconds until load balancers have stopped sending new connections


def render_kong(project: Project, document: dict[str, Any]) -> Iterator[Resource]:
    """Yield all resources of Kong; `document` is its declarative configuration."""
    tags = labels(project, KONG)
    name = object_name(project, KONG)
    parts = [*_config_maps(project, document, tags)]
    yield from parts
    sources = [{"configMap": {"name": each.name}} for each in parts]
    main = {
        "name": KONG,
        "image": project.deploy.kong_image,
        "env": [
            {"name": "KONG_DECLARATIVE_CONFIG", "value": _FILE},
            # Kong must close idle connections before a stopping runtime does, so that no request is
            # lost.
            {"name": "KONG_UPSTREAM_KEEPALIVE_IDLE_TIMEOUT", "value": str(_idle(project))},
            *secret_variables(project, "PGPASSWORD"),
        ],
        "ports": [{"name": "http", "containerPort": PORT}],
        "readinessProbe": {
            "exec": {"command": ["/opt/neurova/bin/python3", "/opt/kong/health.py"]},
            "periodSeconds": 5,
            "timeoutSeconds": 5,
        },
        "livenessProbe": {"tcpSocket": {"port": PORT}, "periodSeconds": 10},
        "lifecycle": {"preStop": {"sleep": {"seconds": _DRAIN}}},
        "resources": {
            "requests": {"cpu": "250m", "memory": str(512 << 20)},
            "limits": {"memory": str(1 << 30)},
        },
    }
    pod = make_pod(
        project,
        name,
        main,
        grace=_DRAIN + 60,
        prepare=f"cat /config/* | gzip -d > {_FILE}",
        volumes={"config": {"projected": {"sources": sources}}},
    )
    replicas = project.deploy.kong_replicas
    yield make_deployment(project, Stage.GATEWAY, name, tags, pod, replicas=replicas)
    yield disruption_budget(project, name, tags)
    ports = [{"name": "http", "port": 80, "targetPort": PORT, "protocol": "TCP"}]
    spec = {"type": project.deploy.service_type, "selector": tags, "ports": ports}
    yield make(project, Stage.BASE, "Service", "v1", name, tags, spec=spec)


def _idle(project: Project) -> int:
    """Return how many seconds Kong keeps an idle connection to a runtime; 0 would mean forever."""
    return max(1, int(project.deploy.drain_delay * 2 / 3))


def _config_maps(
    project: Project, document: dict[str, Any], tags: dict[str, str]
) -> Iterator[Resource]:
    """Yield the configuration in parts, named by its hash, so that old pods keep their own."""
    packed = gzip.compress(msgspec.json.encode(document), 6, mtime=0)
    version = content_hash(packed)
    for number, start in enumerate(range(0, len(packed), PART)):
        name = object_name(project, KONG, version, str(number))
        data = base64.b64encode(packed[start : start + PART]).decode()
        body = {"immutable": True, "binaryData": {f"part-{number:04}": data}}
        yield make(project, Stage.BASE, "ConfigMap", "v1", name, tags, is_fixed=True, **body)
