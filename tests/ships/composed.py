"""Run the services of a rendered Compose file as local processes, without a container engine.

Instead of mounts and host names, the processes get local paths and addresses.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from tests.servers.process import listens, running
from tests.serving import Serving, environment, serving

Manifest = dict[str, Any]


class Composed:
    """The services by name; `path` lists folders of programs.

    `hosts` maps a text of the file to its local replacement; `ports` are the servers' ports.
    """

    def __init__(self, services: dict[str, Manifest], folder: Path, path: str) -> None:
        self.services, self.folder = services, folder
        self.hosts, self.ports = dict[str, str](), dict[str, int]()
        self.path = os.pathsep.join((str(Path(sys.executable).parent), path, os.environ["PATH"]))

    def volume(self, name: str) -> Path:
        return self.folder / name

    def create_secrets(self) -> None:
        """Run the job that creates all passwords, then replace host names by local addresses."""
        *words, _, wanted = self.services["secrets"]["entrypoint"]
        for volume in self.services["secrets"]["volumes"]:
            self.volume(volume.partition(":")[0]).mkdir(exist_ok=True)
        words[0] = sys.executable
        wanted = self._with_hosts(_unescape(wanted))
        subprocess.run([*map(_unescape, words), str(self.folder), wanted], check=True)

    def run(self, name: str) -> str:
        """Run a job to its end, and return its output."""
        done = subprocess.run(
            self.words(name),
            env=environment() | self.variables(name),
            cwd=self.folder / "project",
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def serving(self, name: str) -> AbstractContextManager[Serving]:
        """Run a part of `neurova run` until the block ends."""
        *command, run, part = self.words(name)
        return serving(
            self.folder / "project", run, part, command=command, variables=self.variables(name)
        )

    def server(self, name: str, port: int, *more: str) -> AbstractContextManager[None]:
        """Run a server, with further arguments `more`, until the block ends."""
        home = self.folder / f"home-{name}"
        home.mkdir()
        variables = {**os.environ, **self.variables(name)}
        command = [*self.words(name), *more]
        return running(name, command, str(home), lambda: listens(port), 60, env=variables)

    def words(self, name: str) -> list[str]:
        """Return the command line of a service."""
        manifest = self._local(name)
        return [*manifest.get("entrypoint", ()), *manifest.get("command", ())]

    def variables(self, name: str) -> dict[str, str]:
        """Return the environment of a service."""
        found: Mapping[str, str] = self._local(name)["environment"]
        return {**found, "PATH": self.path}

    def _local(self, name: str) -> Manifest:
        manifest = self.services[name]
        text = _unescape(json.dumps({"environment": {}, **manifest}))
        for volume in manifest["volumes"]:
            source, path, *_ = volume.split(":")
            text = text.replace(path, str(self.volume(source))) if path.count("/") > 1 else text
        text = text.replace("/var/lib/neurova", str(self.folder / f"state-{name}"))
        local: Manifest = json.loads(self._with_hosts(text))
        return local

    def _with_hosts(self, text: str) -> str:
        for name, address in self.hosts.items():
            text = text.replace(name, address)
        return text


def _unescape(text: str) -> str:
    return text.replace("$$", "$")
