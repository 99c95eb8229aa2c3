"""A double of Kong's Admin API: fields, unique names, references, paging and errors as in 3.9.

It keeps entities in memory, fills in Kong's defaults, and returns responses of the same shape.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import yaml
from tests.plugins.conftest import PLUGINS

from neurova_gateway.plugins.loader import load

_TIMES = {"created_at", "updated_at"}
# The fields that we may send for each entity, with Kong's defaults.
FIELDS: dict[str, dict[str, Any]] = {
    "upstreams": {
        "name": None, "algorithm": "round-robin", "hash_on": "none", "hash_fallback": "none",
        "slots": 10000, "healthchecks": None, "tags": None, "host_header": None,
        "use_srv_name": False, "hash_on_cookie_path": "/", "client_certificate": None,
    },
    "targets": {"upstream": None, "target": None, "weight": 100, "tags": None},
    "services": {
        "name": None, "retries": 5, "protocol": "http", "host": None, "port": 80, "path": None,
        "connect_timeout": 60000, "write_timeout": 60000, "read_timeout": 60000, "tags": None,
        "client_certificate": None, "tls_verify": None, "tls_verify_depth": None,
        "ca_certificates": None, "enabled": True,
    },
    "routes": {
        "name": None, "protocols": ["http", "https"], "https_redirect_status_code": 426,
        "strip_path": True, "preserve_host": False, "request_buffering": True,
        "response_buffering": True, "tags": None, "service": None, "snis": None, "sources": None,
        "destinations": None, "methods": None, "hosts": None, "paths": None, "headers": None,
        "regex_priority": 0, "path_handling": "v0",
    },
    "plugins": {
        "name": None, "instance_name": None, "route": None, "service": None, "consumer": None,
        "config": None, "protocols": ["grpc", "grpcs", "http", "https"], "enabled": True,
        "tags": None,
    },
    "consumers": {"username": None, "custom_id": None, "tags": None},
}  # fmt: skip
_PHASES = ("certificate", "rewrite", "access", "header_filter", "body_filter", "log")
CONFIGS: dict[str, dict[str, Any]] = {
    "cors": {
        "origins": None, "headers": None, "exposed_headers": None, "methods": None,
        "max_age": None, "credentials": False, "private_network": False,
        "preflight_continue": False,
    },
    "post-function": {phase: [] for phase in _PHASES},
    **{name: dict(found.defaults) for name, found in load(PLUGINS).items()},
}  # fmt: skip
_FOREIGN = {"service": "services", "route": "routes", "upstream": "upstreams"}
_REQUIRED = {
    "upstreams": ["name"],
    "targets": ["target"],
    "services": ["host"],
    "plugins": ["name"],
}
_UNIQUE = {"upstreams": "name", "services": "name", "routes": "name"}
_NAME = re.compile(r"[\w.~-]+")


class Refused(Exception):
    """An error response of Kong."""

    def __init__(self, status: int, message: str, fields: dict[str, Any] | None = None) -> None:
        self.status = status
        self.body = {"message": message, **({"fields": fields} if fields else {})}


class AdminDouble:
    """The entities of one Kong. After `fails_after` writes, the connection breaks."""

    def __init__(self, *, has_database: bool = True) -> None:
        self.has_database = has_database
        self.entities: dict[str, dict[str, dict[str, Any]]] = {kind: {} for kind in FIELDS}
        self.plugins = [*CONFIGS]
        self.version = "3.9.1"
        self.writes: list[str] = []
        self.fails_after = -1
        self.answers: list[tuple[int, dict[str, str]]] = []  # next responses to POST /config
        self.text = ""
        self.url = ""

    def state(self) -> dict[str, Any]:
        """Return all entities, so that tests can compare them."""
        return json.loads(json.dumps(self.entities))  # type: ignore[no-any-return]

    def check(self, kind: str, id: str, sent: dict[str, Any]) -> dict[str, Any]:
        """Return an entity as Kong stores it. Raises Refused."""
        faults = {
            name: "unknown field" for name in sent if name not in {*FIELDS[kind], "id"} - _TIMES
        }
        faults |= {
            name: "required field missing" for name in _REQUIRED.get(kind, ()) if not sent.get(name)
        }
        faults |= {name: "length must be at least 1" for name, value in sent.items() if value == ""}
        stored = {"id": id, **FIELDS[kind], **sent}
        if kind == "plugins" and not faults:
            known = CONFIGS.get(sent["name"])
            if known is None:
                raise Refused(400, f"plugin '{sent['name']}' not enabled; add it to the 'plugins'")
            config = {**known, **sent.get("config", {})}
            faults = {f"config.{name}": "unknown field" for name in config if name not in known}
            faults |= {
                f"config.{name}": "length must be at least 1"
                for name in config
                if config[name] == ""
            }
            stored["config"] = config
        for path in stored.get("paths") or ():
            if not re.match("~?/", path) or "//" in path:
                faults["paths"] = "should start with: / (fixed path) or ~/ (regex path)"
        if stored.get("name") and not _NAME.fullmatch(stored["name"]):
            faults["name"] = "invalid value"
        if faults:
            raise Refused(400, f"schema violation ({faults})", faults)
        for field, other in _FOREIGN.items():
            value = stored.get(field)
            if value and value["id"] not in self.entities[other]:
                raise Refused(400, f"the foreign key '{{id=\"{value['id']}\"}}' does not reference")
        self._check_unique(kind, id, stored)
        return stored

    def _check_unique(self, kind: str, id: str, stored: dict[str, Any]) -> None:
        def identity(each: dict[str, Any]) -> Any:
            if kind == "plugins":
                return each["name"], json.dumps([each["route"], each["service"], each["consumer"]])
            if kind == "targets":
                return each["upstream"]["id"], each["target"]
            return each.get(_UNIQUE.get(kind, ""))

        mine = identity(stored)
        for other in self.entities[kind].values():
            if mine is not None and other["id"] != id and identity(other) == mine:
                raise Refused(409, f"UNIQUE violation detected on '{mine}'", {"name": "unique"})

    def put(self, kind: str, id: str, sent: dict[str, Any]) -> dict[str, Any]:
        UUID(id)
        stored = self.entities[kind][id] = self.check(kind, id, sent)
        return stored

    def delete(self, kind: str, id: str) -> None:
        for other, entities in self.entities.items():
            for field, referred in _FOREIGN.items():
                if referred != kind:
                    continue
                users = [
                    key for key, each in entities.items() if (each.get(field) or {}).get("id") == id
                ]
                if users and other == "routes":
                    raise Refused(
                        400, "an existing 'routes' entity references this 'services' entity"
                    )
                for user in users:
                    del entities[user]  # on_delete = cascade
        self.entities[kind].pop(id, None)

    def page(self, kind: str, query: dict[str, list[str]], upstream: str = "") -> dict[str, Any]:
        found = [
            each
            for each in self.entities[kind].values()
            if (not upstream or each["upstream"]["id"] == upstream)
            and ("tags" not in query or query["tags"][0] in (each["tags"] or ()))
        ]
        start, size = int(query.get("offset", ["0"])[0]), min(int(query.get("size", ["100"])[0]), 7)
        more = start + size < len(found)
        return {
            "data": found[start : start + size],
            "next": f"/{kind}?offset={start + size}" if more else None,
            **({"offset": str(start + size)} if more else {}),
        }

    def load(self, text: str, *, check_hash: bool) -> tuple[int, dict[str, Any], dict[str, str]]:
        """Replace the whole configuration, or nothing if an entity is refused."""
        if self.answers:
            status, headers = self.answers.pop(0)
            return status, {"message": "told by the test"}, headers
        if check_hash and text == self.text:
            return 304, {}, {}
        document = yaml.safe_load(text)
        before, self.entities = self.entities, {kind: {} for kind in FIELDS}
        errors = []
        for kind in FIELDS:
            for each in document.get(kind) or ():
                fields = {
                    name: value for name, value in each.items() if name not in {"id", *_TIMES}
                }
                for field, other in _FOREIGN.items():
                    if fields.get(field):
                        named = [
                            one["id"]
                            for one in self.entities[other].values()
                            if fields[field] in (one["id"], one.get("name"))
                        ]
                        fields[field] = {"id": named[0] if named else fields[field]}
                try:
                    self.put(kind, each["id"], fields)
                except Refused as error:
                    reasons = [
                        {"type": "field", "field": name, "message": what}
                        for name, what in error.body.get("fields", {}).items()
                    ]
                    reasons = reasons or [{"type": "entity", "message": error.body["message"]}]
                    errors.append(
                        {
                            "entity_type": kind[:-1],
                            "entity_id": each["id"],
                            "entity_name": each.get("name"),
                            "entity_tags": each.get("tags"),
                            "entity": each,
                            "errors": reasons,
                        }
                    )
        if errors:
            self.entities = before
            return (
                400,
                {
                    "code": 14,
                    "name": "invalid declarative configuration",
                    "message": "declarative config is invalid: {}",
                    "fields": {},
                    "flattened_errors": errors,
                },
                {},
            )
        self.text = text
        return 201, {}, {}

    def export(self) -> str:
        """Return the configuration like GET /config: flat, references by id, without nulls."""
        document: dict[str, Any] = {"_format_version": "3.0", "_transform": False}
        for kind, entities in self.entities.items():
            for each in entities.values():
                flat = {name: value for name, value in each.items() if value is not None}
                flat |= {field: flat[field]["id"] for field in _FOREIGN if field in flat}
                document.setdefault(kind, []).append(flat)
        return yaml.safe_dump(document)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    double: ClassVar[AdminDouble]
    lock: ClassVar[threading.Lock]

    def log_message(self, *_: object) -> None:
        pass

    def handle_call(self) -> None:
        url = urlsplit(self.path)
        size = int(self.headers.get("Content-Length", 0))
        body = json.loads(self.rfile.read(size)) if size else {}
        headers: dict[str, str] = {}
        with self.lock:
            if self.command != "GET":
                if len(self.double.writes) == self.double.fails_after:
                    self.close_connection = True
                    return
                self.double.writes.append(f"{self.command} {url.path}")
            try:
                status, answer, headers = self._answer(url.path, parse_qs(url.query), body)
            except Refused as error:
                status, answer = error.status, error.body
        content = b"" if status in (204, 304) else json.dumps(answer).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_PUT = do_POST = do_DELETE = handle_call

    def _answer(
        self, path: str, query: dict[str, list[str]], body: Any
    ) -> tuple[int, Any, dict[str, str]]:
        double, parts = self.double, path.strip("/").split("/")
        if path == "/":
            mode = "postgres" if double.has_database else "off"
            available = {name: {"version": "1", "priority": 1} for name in double.plugins}
            return (
                200,
                {
                    "version": double.version,
                    "configuration": {"database": mode},
                    "plugins": {"available_on_server": available, "enabled_in_cluster": []},
                },
                {},
            )
        if path == "/config":
            if double.has_database:
                raise Refused(
                    400,
                    "this endpoint is only available when Kong is configured to not use a database",
                )
            if self.command == "GET":
                return 200, {"config": double.export()}, {}
            return double.load(body["config"], check_hash=query.get("check_hash") == ["1"])
        if self.command != "GET" and not double.has_database:
            raise Refused(405, "cannot create, update or delete entities when not using a database")
        if parts[0] == "upstreams" and parts[2:3] == ["targets"]:
            return self._targets(parts, query, body)
        if parts[0] not in FIELDS or parts[0] == "targets":
            raise Refused(404, "Not found")
        if len(parts) == 1:
            return 200, double.page(parts[0], query), {}
        found = [
            each
            for each in double.entities[parts[0]].values()
            if parts[1] in (each["id"], each.get("name"))
        ]
        if self.command == "PUT":
            return 200, double.put(parts[0], parts[1], body), {}
        if self.command == "DELETE":
            double.delete(parts[0], parts[1])
            return 204, None, {}
        if not found:
            raise Refused(404, "Not found")
        return 200, found[0], {}

    def _targets(
        self, parts: list[str], query: dict[str, list[str]], body: Any
    ) -> tuple[int, Any, dict[str, str]]:
        double, upstream = self.double, parts[1]
        if upstream not in double.entities["upstreams"]:
            raise Refused(404, "Not found")
        if self.command == "POST":
            return (
                201,
                double.put("targets", body.pop("id"), body | {"upstream": {"id": upstream}}),
                {},
            )
        if len(parts) == 3:
            return 200, double.page("targets", query, upstream), {}
        if parts[3] not in double.entities["targets"]:
            raise Refused(404, "Not found")  # PUT cannot create a target
        if self.command == "DELETE":
            del double.entities["targets"][parts[3]]
            return 204, None, {}
        return 200, double.put("targets", parts[3], body), {}


@contextmanager
def serve_admin(double: AdminDouble) -> Iterator[AdminDouble]:
    """Serve a double on loopback until the block ends, at `double.url`."""
    handler = type("Handler", (_Handler,), {"double": double, "lock": threading.Lock()})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        double.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield double
        finally:
            server.shutdown()
            thread.join()
