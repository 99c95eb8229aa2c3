"""A double of Cloudflare's API: scripts with assets, domains, zones, purges.

Its responses have the shapes of Cloudflare's API reference and of the fields that wrangler reads.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from werkzeug.wrappers import Request, Response

TOKEN = "cf-token-of-the-test"
ACCOUNT = "/accounts/a1"


class Script(NamedTuple):
    """A Worker: its modules, its files as path to hash, and its metadata."""

    modules: dict[str, bytes]
    files: dict[str, str]
    metadata: dict[str, Any]


class CloudflareDouble:
    """A WSGI app that records changing requests and can refuse them."""

    def __init__(self) -> None:
        self.scripts: dict[str, Script] = {}
        self.assets: dict[str, bytes] = {}
        self.types: dict[str, str] = {}
        self.domains: dict[str, dict[str, str]] = {}
        self.purged: list[str] = []
        self.changes: list[str] = []
        self.allowed: int | None = None
        self._session: dict[str, str] = {}

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        with Request(environ) as request:
            return self._check(request)(environ, start_response)

    def _check(self, request: Request) -> Response:
        if request.method != "GET":
            if self.allowed == 0:
                return _error(403, 10000, "Authentication error")
            self.allowed = self.allowed and self.allowed - 1
            self.changes.append(f"{request.method} {request.path.removeprefix(ACCOUNT)}")
        if request.headers["authorization"] not in (f"Bearer {TOKEN}", "Bearer session"):
            return _error(401, 10000, "Authentication error")
        return self._answer(request)

    def _answer(self, request: Request) -> Response:
        path, method = request.path.removeprefix(ACCOUNT), request.method
        if path == "/workers/scripts":
            return _result([{"id": name} for name in self.scripts])
        if path == "/workers/subdomain":
            return _result({"subdomain": "shop"})
        if path == "/workers/assets/upload":
            for part in request.files.values():
                self.assets[part.name or ""] = base64.b64decode(part.read())
                self.types[part.name or ""] = part.content_type
            is_complete = set(self._session.values()) <= set(self.assets)
            return _result({"jwt": "complete"} if is_complete else {}, 201)
        if path.startswith("/workers/domains"):
            return self._answer_domain(request, path.removeprefix("/workers/domains").strip("/"))
        if path.startswith("/zones/"):
            self.purged += request.get_json()["files"]
            return _result({"id": "z1"})
        found = re.fullmatch(r"/workers/scripts/([^/]+)(/.*)?", path)
        assert found, path
        return self._answer_script(request, found[1], (found[2] or "", method))

    def _answer_script(self, request: Request, name: str, call: tuple[str, str]) -> Response:
        if call == ("/assets-upload-session", "POST"):
            manifest = request.get_json()["manifest"]
            assert all(len(each["hash"]) == 32 for each in manifest.values())
            self._session = {path: each["hash"] for path, each in manifest.items()}
            lacking = sorted(set(self._session.values()) - set(self.assets))
            buckets = [lacking[at : at + 3] for at in range(0, len(lacking), 3)]
            return _result({"jwt": "session" if lacking else "complete", "buckets": buckets})
        if call == ("", "PUT"):
            metadata = json.loads(request.form["metadata"])
            assert metadata["assets"]["jwt"] == "complete"
            modules = {key: part.read() for key, part in request.files.items()}
            self.scripts[name] = Script(modules, self._session, metadata)
            return _result({"id": name})
        if name not in self.scripts:
            return _error(404, 10007, "This Worker does not exist on your account.")
        if call == ("", "DELETE"):
            del self.scripts[name]
        if call == ("/content/v2", "GET"):
            return _modules(self.scripts[name].modules)
        return _result(None)

    def _answer_domain(self, request: Request, identity: str) -> Response:
        if request.method == "PUT":
            body = request.get_json()
            self.domains["d1"] = {"id": "d1", "zone_id": "z1", "zone_name": "example.org", **body}
            return _result(self.domains["d1"])
        if request.method == "DELETE":
            return _result(self.domains.pop(identity))
        return _result(list(self.domains.values()))


def _result(result: Any, status: int = 200) -> Response:
    body = {"success": True, "errors": [], "messages": [], "result": result}
    return Response(json.dumps(body), status, content_type="application/json")


def _error(status: int, code: int, message: str) -> Response:
    errors = [{"code": code, "message": message}]
    body = {"success": False, "errors": errors, "messages": [], "result": None}
    return Response(json.dumps(body), status, content_type="application/json")


def _modules(modules: dict[str, bytes]) -> Response:
    parts = [
        f'--b1\r\nContent-Disposition: form-data; name="{name}"; filename="{name}"\r\n\r\n'.encode()
        + content
        for name, content in modules.items()
    ]
    body = b"\r\n".join([*parts, b"--b1--\r\n"])
    return Response(body, content_type="multipart/form-data; boundary=b1")
