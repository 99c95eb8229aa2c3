"""The REST API of Kubernetes: paths of resources, requests, and translated errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from neurova.errors import ConfigError, NeurovaError, Unavailable

from ..base import DeployError

MANAGER = "neurova"
PATHS = {
    "ServiceAccount": ("/api/v1", "serviceaccounts"),
    "Secret": ("/api/v1", "secrets"),
    "ConfigMap": ("/api/v1", "configmaps"),
    "Service": ("/api/v1", "services"),
    "NetworkPolicy": ("/apis/networking.k8s.io/v1", "networkpolicies"),
    "Job": ("/apis/batch/v1", "jobs"),
    "Deployment": ("/apis/apps/v1", "deployments"),
    "HorizontalPodAutoscaler": ("/apis/autoscaling/v2", "horizontalpodautoscalers"),
    "PodDisruptionBudget": ("/apis/policy/v1", "poddisruptionbudgets"),
    "ScaledObject": ("/apis/keda.sh/v1alpha1", "scaledobjects"),
    "Lease": ("/apis/coordination.k8s.io/v1", "leases"),
    "Pod": ("/api/v1", "pods"),
}
"""The base path and the plural of each kind that a deployment uses."""
_TIMEOUT = 30.0


class NotFound(DeployError):
    """The resource, or its kind, does not exist."""


class Conflict(DeployError):
    """The resource already exists, or another process has changed it."""


class Client:
    """Send requests to the API server that a kubeconfig names."""

    def __init__(self, kubeconfig: str, context: str, namespace: str) -> None:
        try:
            from kubernetes import config
        except ImportError:
            raise ConfigError(
                "the Kubernetes client is not installed",
                where="deploy",
                fix='pip install "neurova-platform[kubernetes]"',
            ) from None
        self.namespace = namespace
        try:
            self._api = config.new_client_from_config(  # type: ignore[no-untyped-call]  # no type
                kubeconfig or None, context or None, persist_config=False
            )
        except (config.ConfigException, OSError) as error:
            raise ConfigError(
                f"no credentials for Kubernetes: {error}",
                where="deploy.<name>.kubeconfig and context",
                fix="log in to the cluster, so that `kubectl get pods` works",
            ) from None

    def path(self, kind: str, name: str = "") -> str:
        """Return the path of a resource, or of all resources of a kind."""
        base, plural = PATHS[kind]
        path = f"{base}/namespaces/{self.namespace}/{plural}"
        return f"{path}/{name}" if name else path

    def send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        media_type: str = "application/json",
        **query: str,
    ) -> dict[str, Any]:
        """Send one request; return the response. Raises NeurovaError with the cause and a fix."""
        from urllib3.exceptions import HTTPError

        headers = {"Accept": "application/json", "Content-Type": media_type}
        request = self._api.param_serialize(
            method,
            path,
            query_params=[*query.items()],
            header_params=headers,
            body=body,
            auth_settings=["BearerToken"],
        )
        try:
            response = self._api.call_api(*request, _request_timeout=_TIMEOUT)
            text: bytes = response.read() or b"{}"
        except (HTTPError, OSError) as error:
            reason = getattr(error, "reason", None) or error
            raise Unavailable(
                f"the API server does not respond: {reason}",
                where=self._api.configuration.host,
                fix="check the network and the kubeconfig, then repeat the command",
            ) from None
        if 200 <= response.status < 300:
            answer: dict[str, Any] = msgspec.json.decode(text)
            return answer
        raise _error_of(response.status, text, f"{method} {path}", self.namespace)


def _error_of(status: int, text: bytes, where: str, namespace: str) -> NeurovaError:
    try:
        what = str(msgspec.json.decode(text)["message"])
    except (msgspec.DecodeError, KeyError, TypeError):
        what = f"the API server answered {status}"
    if status == 401:
        fix = "log in to the cluster again: its credentials are wrong or have expired"
        return DeployError("the credentials are refused", where=where, fix=fix)
    if status == 404:
        return NotFound(what, where=where)
    if status == 409:
        return Conflict(what, where=where, fix="repeat the command")
    if status in (429, 500, 502, 503, 504):
        return Unavailable(what, where=where, fix="repeat the command")
    if "exceeded quota" in what:
        fix = f"raise the ResourceQuota of {namespace}, or lower cpu, memory or replicas"
    elif status == 403:
        fix = "give your account a Role that allows it, or use another context"
    else:
        fix = "the server refuses this resource: correct the setting that the message names"
    return DeployError(what, where=where, fix=fix)
