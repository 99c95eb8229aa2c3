"""Render the resources of functions: runtimes, subscriptions, relays, migrations, scaling."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from neurova.functions.descriptions import HEALTH_PATH

from ...project import Project, Unit, runtime_name
from ...resource import Resource, Stage
from .pods import PORT, function_pod, labels, make, make_deployment, object_name

RUNTIME = "runtime"
_SETTLE = 5  # seconds; a process without a probe exits earlier if its settings are wrong


def render_unit(project: Project, unit: Unit) -> Iterator[Resource]:
    """Yield all resources of a unit."""
    yield from render_runtime(project, unit)
    yield from _render_scaling(project, unit)
    if unit.migrations:
        yield _migration(project, unit)
    if unit.has_subscriptions:
        is_scaled = bool(project.deploy.subscriptions_max and unit.queues)
        yield _background(project, unit, "subscriptions", replicas=0 if is_scaled else 1)
        if is_scaled:
            yield _scaled_object(project, unit)
    if unit.has_relay:
        yield _background(project, unit, "relay", replicas=1)


def render_runtime(project: Project, unit: Unit, *, canary: int = 0) -> Iterator[Resource]:
    """Yield a runtime and its Service; `canary`: the percentage of calls of a canary, 0: stable."""
    deploy = project.deploy
    name = runtime_name(project.name, unit.name, canary=bool(canary))
    tags = labels(project, RUNTIME, unit.name, track="canary" if canary else "stable")
    health = {"httpGet": {"path": HEALTH_PATH, "port": PORT}, "timeoutSeconds": 2}
    pod = function_pod(
        project,
        unit,
        RUNTIME,
        ["run", "runtime"],
        ports=[{"name": "http", "containerPort": PORT}],
        startupProbe={**health, "periodSeconds": 2, "failureThreshold": 60},
        readinessProbe={**health, "periodSeconds": 2, "failureThreshold": 2},
        # Check only the socket: a draining runtime responds with 503 and must not be killed.
        livenessProbe={"tcpSocket": {"port": PORT}, "periodSeconds": 10, "failureThreshold": 3},
    )
    replicas = deploy.replicas if deploy.replicas == deploy.replicas_max else 0
    if canary:
        replicas = -(-deploy.replicas * canary // 100)
    yield make_deployment(project, Stage.RUNTIME, name, tags, pod, replicas=replicas)
    ports = [{"name": "http", "port": PORT, "targetPort": PORT, "protocol": "TCP"}]
    spec = {"selector": tags, "ports": ports}
    yield make(project, Stage.BASE, "Service", "v1", name, tags, spec=spec)


def _render_scaling(project: Project, unit: Unit) -> Iterator[Resource]:
    deploy, name = project.deploy, runtime_name(project.name, unit.name)
    tags = labels(project, RUNTIME, unit.name, track="stable")
    if deploy.replicas_max > deploy.replicas:
        target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
        cpu = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}
        spec = {
            "scaleTargetRef": target,
            "minReplicas": deploy.replicas,
            "maxReplicas": deploy.replicas_max,
            "metrics": [{"type": "Resource", "resource": cpu}],
        }
        api = "autoscaling/v2"
        kind = "HorizontalPodAutoscaler"
        yield make(project, Stage.SCALING, kind, api, name, tags, spec=spec)
    yield disruption_budget(project, name, tags)


def disruption_budget(project: Project, name: str, tags: dict[str, str]) -> Resource:
    """Return a budget that allows the eviction of one pod at a time."""
    spec = {"maxUnavailable": 1, "selector": {"matchLabels": tags}}
    kind = "PodDisruptionBudget"
    return make(project, Stage.SCALING, kind, "policy/v1", name, tags, spec=spec)


def _background(project: Project, unit: Unit, part: str, *, replicas: int) -> Resource:
    tags = labels(project, part, unit.name)
    pod = function_pod(project, unit, part, ["run", part])
    name = object_name(project, unit.name, part)
    return make_deployment(
        project, Stage.RUNTIME, name, tags, pod, replicas=replicas, settle=_SETTLE
    )


def _scaled_object(project: Project, unit: Unit) -> Resource:
    name = object_name(project, unit.name, "subscriptions")
    triggers = [
        {
            "type": "rabbitmq",
            "metadata": {
                "protocol": "amqp",
                "hostFromEnv": "NEUROVA_BUS_URL",
                "queueName": queue.name,
                "mode": "QueueLength",
                "value": "50",
            },
        }
        for queue in unit.queues
    ]
    spec: dict[str, Any] = {
        "scaleTargetRef": {"name": name},
        "minReplicaCount": 1,
        "maxReplicaCount": project.deploy.subscriptions_max,
        "triggers": triggers,
    }
    tags = labels(project, "subscriptions", unit.name)
    api = "keda.sh/v1alpha1"
    return make(project, Stage.SCALING, "ScaledObject", api, name, tags, spec=spec)


def _migration(project: Project, unit: Unit) -> Resource:
    tags = labels(project, "migrate", unit.name)
    pod = function_pod(project, unit, "migrate", ["db", "upgrade"])
    spec = {
        "backoffLimit": 2,
        "activeDeadlineSeconds": round(project.deploy.ready),
        "template": {"metadata": {"labels": tags}, "spec": {**pod, "restartPolicy": "Never"}},
    }
    name = object_name(project, unit.name, "migrate", unit.migrations)
    # A Job cannot be changed, so name it by the hash of the revisions: each state runs one Job.
    return make(project, Stage.MIGRATION, "Job", "batch/v1", name, tags, is_fixed=True, spec=spec)
