"""Compose as a target: it runs the Compose command, and stores its state in a local folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from neurova.files.private import write_private_file

from ...project import Project
from ...resource import Resource
from ..base import Found, Health
from .command import find_engine
from .health import health_of, is_job, is_started, label_of, read_rows
from .render import HASH, document, hash_of
from .services import compose_name, template
from .state import Folder, Services

KONG = "kong"
_RELOAD = ("/bin/sh", "/opt/kong/start.sh", "kong", "reload")


class ComposeTarget:
    """Start, replace and remove the containers of one project."""

    kinds_with_health = frozenset({"Service"})
    kinds_needed = frozenset[str]()

    def __init__(self, project: Project) -> None:
        self._project, self._engine = project, find_engine()
        self._folder = Folder(Path(project.state) / "deploy" / project.environment)
        self.heads, self.forget_releases = self._folder.heads, self._folder.forget
        self.read_content, self.write_release = (
            self._folder.read_content,
            self._folder.write_release,
        )
        self.lock, self.unlock = self._folder.lock, self._folder.unlock

    def check(self) -> str:
        """Return one line about the engine. Raises NeurovaError if the engine does not respond."""
        return self._engine.check()

    def read(self) -> dict[str, Found]:
        """Return the last applied manifest of each service that has a container."""
        rows, found = self._rows(), {}
        for name, manifest in self._folder.applied().items():
            row, digest = rows.pop(name, None), hash_of(manifest)
            if not is_started(manifest):
                found[f"Service/{name}"] = Found(manifest, digest)
            elif row is not None and label_of(row, HASH) != digest:
                found[f"Service/{name}"] = Found({}, "")  # the last `apply` was interrupted
            elif row is not None and (is_job(manifest) or row["State"] == "running"):
                found[f"Service/{name}"] = Found(manifest, digest)
            elif row is not None:
                found[f"Service/{name}"] = Found({**manifest, "state": row["State"]}, "")
        return {**{f"Service/{name}": Found({}, "") for name in rows}, **found}

    def preview(self, resource: Resource) -> dict[str, Any]:
        """Return the manifest unchanged, because Compose adds nothing to it."""
        return resource.manifest

    def apply(self, resource: Resource) -> None:
        """Start or replace a service's container; if only Kong's routes changed, reload Kong."""
        applied = self._folder.applied()
        before = applied.get(resource.name)
        wanted = {**applied, resource.name: resource.manifest}
        self._write(wanted)
        if is_started(resource.manifest):
            if resource.name == KONG and before and self._can_reload(before, resource.manifest):
                script = template("start.sh")
                self._compose("exec", "-T", KONG, "/bin/sh", "-c", script, "start", *_RELOAD)
            else:
                self._compose("up", "--detach", "--no-deps", "--quiet-pull", resource.name)
        self._folder.write_applied(wanted)

    def delete(self, key: str) -> None:
        """Stop a service, which drains it, and remove its container; keep its volumes."""
        name = key.partition("/")[2]
        row = self._rows().get(name)
        if row is not None:
            self._engine.run("stop", row["ID"])
            self._engine.run("rm", "--volumes", row["ID"])
        services = {each: one for each, one in self._folder.applied().items() if each != name}
        self._write(services)
        self._folder.write_applied(services)
        if not services:
            self._engine.run("compose", "-p", compose_name(self._project), "down")

    def health(self, key: str) -> Health:
        """Return the health of a service; if it failed, with the last line of its log."""
        name = key.partition("/")[2]
        health = health_of(self._folder.applied().get(name, {}), self._rows().get(name))
        if health.state != "failed":
            return health
        logs = self._compose("logs", "--no-log-prefix", "--no-color", "--tail", "1", name).strip()
        return health._replace(reason=f"{health.reason} ({logs})") if logs else health

    def _can_reload(self, before: dict[str, Any], after: dict[str, Any]) -> bool:
        """Return whether Kong runs, and only its routes have changed."""
        if hash_of(before) != hash_of(after) or before["labels"] == after["labels"]:
            return False
        return self._rows().get(KONG, {}).get("State") == "running"

    def _rows(self) -> dict[str, dict[str, Any]]:
        name = compose_name(self._project)
        text = self._engine.run("compose", "-p", name, "ps", "--all", "--format", "json")
        return {row["Service"]: row for row in read_rows(text)}

    def _compose(self, *words: str) -> str:
        project = self._project
        place = ("--project-directory", project.root, "--file", str(self._folder.file))
        return self._engine.run(
            "compose", *place, "--profile", project.deploy.profile, "--profile", "admin", *words
        )

    def _write(self, services: Services) -> None:
        written = msgspec.json.encode(document(compose_name(self._project), services))
        write_private_file(self._folder.file, msgspec.json.format(written, indent=2).decode())
