"""A platform in a container, with the interface of the `platform` fixture."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

from tests.verbs import Verbs

from neurova_gateway.keys.factory import key_store_url, open_key_store
from neurova_gateway.keys.issuer import create
from neurova_platform import http_client
from neurova_platform.testing.response import Response

from .container import Container


class Contained(Verbs):
    """Run a command in a container until `close`; `keys` holds its API keys."""

    def __init__(
        self,
        image: Container,
        state: Path,
        words: Sequence[str],
        environment: dict[str, str],
        keys: str = "",
    ) -> None:
        said = [*image.config["Entrypoint"], *words, "--port", "0", "--json"]
        self.process = subprocess.Popen(
            image.command(state, said, **{"NEUROVA_ADMIN_PORT": "0"} | environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        for line in self.process.stdout:
            event = json.loads(line)
            if event["event"] == "ready":
                break
        else:
            raise AssertionError(self.process.stderr.read())
        self.url: str = event["url"]
        self._store = open_key_store(key_store_url(state, keys))
        self._keys: dict[tuple[str, frozenset[str]], str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._store.close()
        if self.process.poll() is None:
            self._signal(signal.SIGKILL)  # killing the first process of the container kills all
            self.process.communicate()

    def call(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        scopes: Iterable[str] | None = None,
        consumer: str = "tester",
    ) -> Response:
        """Make one call, like `TestPlatform.call`."""
        fields = {} if json is None else {"content-type": "application/json"}
        if scopes is not None:
            fields["x-api-key"] = self._key(consumer, frozenset(scopes))
        body = None if json is None else encode(json)
        found = http_client.send(self.url, method, path, fields, body)
        return Response(found.status, found.headers, found.body)

    def close(self) -> tuple[int, str]:
        """Send SIGTERM to the container's first process; return its exit code and its output."""
        self._signal(signal.SIGTERM)
        _, errors = self.process.communicate(timeout=60)
        return self.process.returncode, errors

    def _signal(self, number: int) -> None:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        for pid in children.split():
            os.kill(int(pid), number)

    def _key(self, consumer: str, scopes: frozenset[str]) -> str:
        if (consumer, scopes) not in self._keys:
            made = create(self._store, consumer, "live", scopes)
            self._keys[consumer, scopes] = made.key
        return self._keys[consumer, scopes]


def encode(value: Any) -> bytes:
    """Return a value as JSON."""
    return json.dumps(value).encode()
