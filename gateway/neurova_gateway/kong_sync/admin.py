"""A client of Kong's Admin API."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from neurova.errors import ConfigError, NeurovaError, StateError, Unavailable

from .entity import Entity

_SECONDS = 60.0  # long, because a node responds only after it has loaded a large configuration
_PAGE = 1000


class KongRefused(NeurovaError):
    """Raised when Kong refuses an entity or a configuration."""


class Answer(NamedTuple):
    """The status, lower-case headers and decoded body of a response."""

    status: int
    headers: dict[str, str]
    body: Any


class Node(NamedTuple):
    """The version, mode and plugins that a node reports."""

    version: str
    has_database: bool
    plugins: frozenset[str]


class KongAdmin:
    """Call the Admin API of the node at `url`. Raises Unavailable if it does not respond."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def node(self) -> Node:
        """Return version, mode and plugins of the node."""
        body = self._ask("GET", "/")
        try:
            has_database = body["configuration"]["database"] != "off"
            return Node(
                body["version"], has_database, frozenset(body["plugins"]["available_on_server"])
            )
        except (KeyError, TypeError):
            fix = "set [gateway.kong] admin to the URL of Kong's Admin API, port 8001 by default"
            raise StateError("this is not Kong's Admin API", where=self.url, fix=fix) from None

    def list(self, path: str, tag: str = "") -> Iterator[dict[str, Any]]:
        """Yield all entities at a path, page by page."""
        tags = f"&tags={quote(tag, safe='')}" if tag else ""
        first = f"{path}?size={_PAGE}{tags}"
        after = ""
        while True:
            page = self._ask("GET", first + after)
            yield from page["data"]
            if not page.get("offset"):
                return
            after = f"&offset={quote(page['offset'], safe='')}"

    def find_id(self, kind: str, name: str) -> str:
        """Return the id of an entity by its name. Raises KongRefused if there is none."""
        answer = self.call("GET", f"/{kind}/{quote(name, safe='')}")
        if answer.status == 404:
            what = f"Kong has no {kind[:-1]} {name!r}"
            raise KongRefused(what, where=self.url, fix=f"use the name of one of its {kind}")
        identity: str = self._check(answer, f"GET /{kind}/{name}")["id"]
        return identity

    def create(self, entity: Entity, fields: Mapping[str, Any]) -> None:
        """Create an entity: a target by POST, because PUT does not create it, others by PUT."""
        if entity.kind == "targets":
            path = f"/upstreams/{fields['upstream']['id']}/targets"
            self._ask("POST", path, {"id": entity.id, **fields}, entity)
        else:
            self.update(entity, fields)

    def update(self, entity: Entity, fields: Mapping[str, Any]) -> None:
        """Replace an entity."""
        self._ask("PUT", _path(entity), fields, entity)

    def delete(self, entity: Entity) -> None:
        """Delete an entity; do nothing if it does not exist."""
        answer = self.call("DELETE", _path(entity))
        if answer.status != 404:
            self._check(answer, f"DELETE {_path(entity)}", entity)

    def call(self, method: str, path: str, body: Any = None) -> Answer:
        """Send one request on a new connection and return the response."""
        url = urlsplit(self.url)
        connection: http.client.HTTPConnection
        if url.scheme == "https":
            context = ssl.create_default_context()
            connection = http.client.HTTPSConnection(
                url.hostname or "", url.port, timeout=_SECONDS, context=context
            )
        else:
            connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=_SECONDS)
        headers = {"Accept": "application/json"}
        content = None
        if body is not None:
            content, headers["Content-Type"] = json.dumps(body), "application/json"
        try:
            connection.request(method, url.path + path, content, headers)
            response = connection.getresponse()
            received = response.read()
        except (OSError, http.client.HTTPException) as error:
            fix = "start Kong, or set [gateway.kong] admin to the URL of its Admin API"
            reason = str(error) or type(error).__name__
            raise Unavailable(f"no response ({reason})", where=self.url, fix=fix) from None
        finally:
            connection.close()
        found = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, found, _decode(received))

    def _ask(self, method: str, path: str, body: Any = None, entity: Entity | None = None) -> Any:
        return self._check(self.call(method, path, body), f"{method} {path}", entity)

    def _check(self, answer: Answer, request: str, entity: Entity | None = None) -> Any:
        if answer.status < 300:
            return answer.body
        reason = answer.body.get("message") if isinstance(answer.body, dict) else None
        what = f"{request}: {answer.status} {reason or 'without a reason'}"
        if entity is not None:
            at = f" ({entity.source})" if entity.source else ""
            what = f"{entity.kind[:-1]} {entity.label}{at}: {answer.status} {reason}"
        fix = "fix it and sync again"
        if answer.status == 409:
            fix = "Kong has one that this project does not own: rename or remove one of them"
        raise KongRefused(what, where=self.url, fix=fix)


def check_node(admin: KongAdmin, plugins: Iterable[str]) -> Node:
    """Return the node's details. Raises ConfigError if Kong is not 3.x or lacks a plugin."""
    node = admin.node()
    if not node.version.startswith("3."):
        raise ConfigError(f"Kong {node.version}", where=admin.url, fix="use Kong 3.9")
    missing = sorted(set(plugins) - node.plugins)
    if missing:
        what = f"Kong has not loaded the plugins {', '.join(missing)}"
        fix = "add them and their plugin servers to kong.conf, see docs/kong.md"
        raise ConfigError(what, where=admin.url, fix=fix)
    return node


def _path(entity: Entity) -> str:
    if entity.kind == "targets":
        return f"/upstreams/{entity.fields['upstream']['id']}/targets/{entity.id}"
    return f"/{entity.kind}/{entity.id}"


def _decode(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return None
