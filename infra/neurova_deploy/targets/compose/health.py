"""Read the state of a container from a row of `compose ps --format json`, without I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ..base import Health


def read_rows(text: str) -> list[dict[str, Any]]:
    """Return the rows of `ps`: Compose prints one JSON document per line, older versions a list."""
    if text.lstrip().startswith("["):
        rows: list[dict[str, Any]] = msgspec.json.decode(text)
        return rows
    return [msgspec.json.decode(line) for line in text.splitlines() if line.strip()]


def label_of(row: Mapping[str, Any], name: str) -> str:
    """Return the value of a label, "" if the container does not have it."""
    pairs = (each.partition("=") for each in str(row.get("Labels", "")).split(","))
    return next((value for key, _, value in pairs if key == name), "")


def is_job(manifest: Mapping[str, Any]) -> bool:
    """Return whether a service is a job, which ends by itself."""
    return manifest.get("restart") == "no"


def is_started(manifest: Mapping[str, Any]) -> bool:
    """Return whether a deployment starts a service; only `compose run` starts the others."""
    return manifest.get("profiles") != ["admin"]


def health_of(manifest: Mapping[str, Any], row: Mapping[str, Any] | None) -> Health:
    """Return the health of a service; `row`: its container, None if there is none."""
    if not is_started(manifest):
        return Health("ready")
    if row is None:
        return Health("failed", "it has no container")
    state, check = row["State"], row.get("Health")
    ended = Health("failed", f"it ended with exit code {row.get('ExitCode')}")
    if state == "exited" and is_job(manifest):
        return ended if row.get("ExitCode") else Health("ready")
    if state in ("restarting", "exited", "dead") or check == "unhealthy":
        return Health("failed", "its health check fails") if check == "unhealthy" else ended
    if state != "running" or is_job(manifest) or ("healthcheck" in manifest and check != "healthy"):
        return Health("waiting", f"it is {check or state}")
    return Health("ready")
