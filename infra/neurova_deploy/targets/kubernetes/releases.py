"""Store the releases of a deployment in ConfigMaps, and its lock in a Lease."""

from __future__ import annotations

import base64
import os
import secrets
import socket
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from ...record import Content, Head
from ..base import DeployError
from .client import Client, Conflict, NotFound
from .kong import PART

SECONDS = 30
"""How long a lock outlives a process that was killed."""
_RENEW = timedelta(seconds=10)


class Releases:
    """Read and write the releases of one project in its namespace."""

    def __init__(self, client: Client, project: str) -> None:
        self._client, self._project = client, project
        self._selector = f"neurova.dev/release-of={project}"

    def heads(self) -> list[Head]:
        """Return the releases, oldest first."""
        found = self._client.send(
            "GET", self._client.path("ConfigMap"), labelSelector=self._selector
        )
        texts = [each["data"]["head"] for each in found["items"] if "head" in each.get("data", {})]
        return sorted(
            (msgspec.json.decode(text, type=Head) for text in texts), key=lambda each: each.number
        )

    def read(self, number: int) -> Content:
        """Return the resources of a release."""
        packed = b""
        try:
            first = self._client.send("GET", self._path(number))
            for part in range(int(first["data"]["parts"])):
                answer = self._client.send("GET", self._path(number, part)) if part else first
                packed += base64.b64decode(answer["binaryData"]["content"])
            return Content.decode(packed)
        except (NotFound, KeyError, ValueError, OSError, EOFError) as error:
            raise DeployError(
                f"release {number} is damaged: {error}",
                where=f"ConfigMap {self._name(number)}",
                fix="deploy again: a deployment needs no earlier release",
            ) from None

    def write(self, head: Head, content: Content | None = None) -> None:
        """Store a release; write the head last, so that `heads` lists only complete releases."""
        data = {"head": msgspec.json.encode(head).decode()}
        if content is None:
            self._client.send(
                "PATCH",
                self._path(head.number),
                {"data": data},
                media_type="application/merge-patch+json",
            )
            return
        packed = content.encode()
        parts = [packed[start : start + PART] for start in range(0, len(packed), PART)]
        for part in reversed(range(len(parts))):
            binary = {"content": base64.b64encode(parts[part]).decode()}
            body: dict[str, Any] = {"binaryData": binary}
            if not part:
                body["data"] = data | {"parts": str(len(parts))}
            self._put(self._name(head.number, part), body)

    def forget(self, numbers: Sequence[int]) -> None:
        """Delete releases."""
        for number in numbers:
            selector = f"{self._selector},neurova.dev/release={number}"
            self._client.send("DELETE", self._client.path("ConfigMap"), labelSelector=selector)

    def _put(self, name: str, body: dict[str, Any]) -> None:
        number = name.removeprefix(f"{self._project}-release-").partition("-")[0]
        tags = {
            "app.kubernetes.io/managed-by": "neurova",
            "neurova.dev/release-of": self._project,
            "neurova.dev/release": number,
        }
        full = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": tags}}
        self._client.send(
            "PATCH",
            self._client.path("ConfigMap", name),
            {**full, **body},
            media_type="application/apply-patch+yaml",
            fieldManager="neurova",
            force="true",
        )

    def _name(self, number: int, part: int = 0) -> str:
        return f"{self._project}-release-{number}" + (f"-{part}" if part else "")

    def _path(self, number: int, part: int = 0) -> str:
        return self._client.path("ConfigMap", self._name(number, part))


class Lock:
    """Allow only one process at a time to change a deployment."""

    def __init__(self, client: Client, project: str) -> None:
        self._client, self._name = client, f"{project}-deploy"
        self._me = f"{socket.gethostname()} {os.getpid()} {secrets.token_hex(4)}"
        self._lease: dict[str, Any] | None = None

    def take(self, who: str) -> None:
        """Take the lock, or extend it. Raises DeployError if another process holds it."""
        now = datetime.now(UTC)
        if self._lease is not None and now < _renewed(self._lease) + _RENEW:
            return
        text = now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = {
            "holderIdentity": f"{who}, {self._me}",
            "leaseDurationSeconds": SECONDS,
            "renewTime": text,
        }
        try:
            found = self._lease or self._client.send("GET", self._client.path("Lease", self._name))
        except NotFound:
            self._create(spec)
            return
        if self._lease is None:
            self._refuse_if_held(found, now)
        body = {**found, "spec": spec}
        try:
            self._lease = self._client.send("PUT", self._client.path("Lease", self._name), body)
        except (Conflict, NotFound):
            self._lease = None
            raise self._held_error("another process", "") from None

    def release(self) -> None:
        """Release the lock, if this process holds it."""
        if self._lease is not None:
            meta = self._lease["metadata"]
            only = {"uid": meta["uid"], "resourceVersion": meta["resourceVersion"]}
            with suppress(NotFound, Conflict):
                self._client.send(
                    "DELETE", self._client.path("Lease", self._name), {"preconditions": only}
                )
            self._lease = None

    def _create(self, spec: dict[str, Any]) -> None:
        meta = {"name": self._name}
        body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta}
        try:
            self._lease = self._client.send(
                "POST", self._client.path("Lease"), {**body, "spec": spec}
            )
        except Conflict:
            raise self._held_error("another process", "") from None

    def _refuse_if_held(self, lease: dict[str, Any], now: datetime) -> None:
        spec = lease["spec"]
        until = _renewed(lease) + timedelta(seconds=spec["leaseDurationSeconds"])
        if now < until:
            raise self._held_error(spec["holderIdentity"], f" (until {until:%H:%M:%S} UTC)")

    def _held_error(self, who: str, until: str) -> DeployError:
        return DeployError(
            f"another deployment runs: {who}{until}",
            where=f"Lease {self._name}",
            fix=f"wait until it ends; if it was killed, its lock expires after {SECONDS} s",
        )


def _renewed(lease: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(lease["spec"]["renewTime"])
