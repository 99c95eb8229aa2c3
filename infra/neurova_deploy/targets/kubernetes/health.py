"""Derive the health of resources from their status, without I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..base import Health

READY = Health("ready")


def health_of(resource: Mapping[str, Any]) -> Health:
    """Return the health of a Deployment or Job; resources of all other kinds are always ready."""
    if resource["kind"] == "Deployment":
        return _deployment(resource)
    if resource["kind"] == "Job":
        return _job(resource)
    return READY


def _deployment(found: Mapping[str, Any]) -> Health:
    status = found.get("status", {})
    if status.get("observedGeneration", 0) < found["metadata"]["generation"]:
        return Health("waiting", "the controller has not seen it yet")
    conditions = _conditions(status)
    wanted = found["spec"].get("replicas", 1)
    counts = [status.get(f"{name}Replicas", 0) for name in ("updated", "available")]
    done = f"{counts[1]} of {wanted} pods are ready"
    progressing = conditions.get("Progressing", {})
    if progressing.get("reason") == "ProgressDeadlineExceeded":
        return Health("failed", f"{done} at the deadline")
    if failure := conditions.get("ReplicaFailure", {}):
        return Health("waiting", failure.get("message", ""))
    if counts[0] < wanted or counts[1] < wanted:
        return Health("waiting", done)
    if status.get("replicas", 0) > counts[0]:
        return Health("waiting", f"{status['replicas'] - counts[0]} old pods still run")
    return READY


def _job(found: Mapping[str, Any]) -> Health:
    conditions = _conditions(found.get("status", {}))
    if "Complete" in conditions:
        return READY
    if "Failed" in conditions:
        return Health("failed", conditions["Failed"].get("message", ""))
    return Health("waiting", "it has not finished")


def _conditions(status: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    found = status.get("conditions") or ()
    return {each["type"]: each for each in found if each.get("status") == "True"} | {
        each["type"]: each for each in found if each.get("reason") == "ProgressDeadlineExceeded"
    }


def pod_reason(pods: Iterable[Mapping[str, Any]]) -> str:
    """Return why the first unready pod is not ready: image, exit or scheduling."""
    for pod in pods:
        status = pod.get("status", {})
        name = pod["metadata"]["name"]
        containers = ("initContainerStatuses", "containerStatuses")
        for each in (each for key in containers for each in status.get(key) or ()):
            waiting = each.get("state", {}).get("waiting", {})
            if waiting.get("reason") not in (None, "ContainerCreating", "PodInitializing"):
                return f"{name}: {waiting['reason']}: {waiting.get('message', '')}".rstrip(": ")
        for condition in status.get("conditions") or ():
            if condition["type"] == "PodScheduled" and condition["status"] == "False":
                return f"{name}: {condition.get('message', 'not scheduled')}"
    return ""
