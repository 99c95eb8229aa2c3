"""Kubernetes as a target: it uses server-side apply, and stores its state in the namespace."""

from __future__ import annotations

import base64
import secrets
from contextlib import suppress
from typing import Any

from neurova.errors import ConfigError

from ...project import Project
from ...resource import Resource
from ..base import DeployError, Found, Health
from .client import MANAGER, PATHS, Client, Conflict, NotFound
from .health import health_of, pod_reason
from .releases import Lock, Releases

HASH = "neurova.dev/hash"
_STATE_KINDS = ("Lease", "Pod")
_KEY_BYTES = 32
_OF_SERVER = ("managedFields", "resourceVersion", "generation", "creationTimestamp", "uid")


class KubernetesTarget:
    """Apply resources in one namespace, with the field manager `neurova`."""

    kinds_with_health = frozenset({"Deployment"})
    kinds_needed = frozenset({"ServiceAccount", "Secret", "ConfigMap", "NetworkPolicy"})

    def __init__(self, project: Project) -> None:
        deploy, self._project = project.deploy, project
        self._client = Client(deploy.kubeconfig, deploy.context, project.namespace)
        self._releases = Releases(self._client, project.name)
        self._lock = Lock(self._client, project.name)
        self._selector = (
            f"app.kubernetes.io/managed-by=neurova,app.kubernetes.io/part-of={project.name}"
        )
        self.heads, self.forget_releases = self._releases.heads, self._releases.forget
        self.read_content, self.write_release = self._releases.read, self._releases.write
        self.lock, self.unlock = self._lock.take, self._lock.release

    def check(self) -> str:
        """Return one line about the cluster. Raises NeurovaError if it cannot be used."""
        namespace = self._project.namespace
        try:
            self._client.send("GET", f"/api/v1/namespaces/{namespace}")
        except NotFound:
            raise ConfigError(
                f"the namespace {namespace} does not exist",
                where=f"deploy.{self._project.environment}.namespace",
                fix=f"kubectl create namespace {namespace}",
            ) from None
        return f"the namespace {namespace} is there"

    def read(self) -> dict[str, Found]:
        """Return all resources with the labels of the project, by key."""
        found = {}
        for kind in PATHS:
            if kind in _STATE_KINDS:
                continue
            with suppress(NotFound):  # KEDA is not installed
                answer = self._client.send(
                    "GET", self._client.path(kind), labelSelector=self._selector
                )
                for each in answer["items"]:
                    applied = each["metadata"].get("annotations", {}).get(HASH, "")
                    # The items of a list lack their kind and version, so add them.
                    manifest = _plain({**each, "apiVersion": answer["apiVersion"], "kind": kind})
                    found[f"{kind}/{each['metadata']['name']}"] = Found(manifest, applied)
        return found

    def preview(self, resource: Resource) -> dict[str, Any]:
        """Return the manifest that a server-side dry run returns."""
        return _plain(self._patch(resource, dryRun="All"))

    def apply(self, resource: Resource) -> None:
        """Apply a resource; if it is fixed, only create it."""
        if not resource.is_fixed:
            self._patch(resource)
            return
        body = _with_hash(resource)
        if resource.kind == "Secret":
            key = base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()
            body = {**body, "data": {"identity.key": key}}
        with suppress(Conflict):
            path = self._client.path(resource.kind)
            self._client.send("POST", path, body, fieldManager=MANAGER, fieldValidation="Strict")

    def delete(self, key: str) -> None:
        """Delete a resource and the resources that it owns."""
        kind, _, name = key.partition("/")
        with suppress(NotFound):
            body = {"propagationPolicy": "Background"}
            self._client.send("DELETE", self._client.path(kind, name), body)

    def health(self, key: str) -> Health:
        """Return the health of a resource; if it is not ready, with the reason from its pods."""
        kind, _, name = key.partition("/")
        if kind not in ("Deployment", "Job"):
            return Health("ready")
        try:
            found = self._client.send("GET", self._client.path(kind, name))
        except NotFound:
            return Health("failed", "it was deleted")
        health = health_of({"kind": kind, **found})
        if health.state == "ready":
            return health
        tags = found["spec"]["template"]["metadata"]["labels"]
        selector = ",".join(f"{key}={value}" for key, value in tags.items() if "/" in key)
        pods = self._client.send("GET", self._client.path("Pod"), labelSelector=selector)
        reason = pod_reason(pods["items"])
        return health._replace(reason=f"{health.reason} ({reason})" if reason else health.reason)

    def _patch(self, resource: Resource, **query: str) -> dict[str, Any]:
        try:
            return self._client.send(
                "PATCH",
                self._client.path(resource.kind, resource.name),
                _with_hash(resource),
                media_type="application/apply-patch+yaml",
                fieldManager=MANAGER,
                force="true",
                fieldValidation="Strict",
                **query,
            )
        except NotFound:
            if resource.kind != "ScaledObject":
                raise
            raise DeployError(
                "the cluster has no KEDA, which scales subscriptions",
                where=f"deploy.{self._project.environment}.subscriptions_max",
                fix="install KEDA, or set subscriptions_max = 0",
            ) from None


def _with_hash(resource: Resource) -> dict[str, Any]:
    metadata = {**resource.manifest["metadata"], "annotations": {HASH: resource.hash}}
    return {**resource.manifest, "metadata": metadata}


def _plain(found: dict[str, Any]) -> dict[str, Any]:
    """Return a resource without the fields that the server adds and without the data of Secrets."""
    metadata = {key: each for key, each in found["metadata"].items() if key not in _OF_SERVER}
    rest = {key: each for key, each in found.items() if key not in ("status", "metadata")}
    if rest.get("kind") == "Secret":
        rest.pop("data", None)
    return {**rest, "metadata": metadata}
