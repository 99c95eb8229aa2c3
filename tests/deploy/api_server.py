"""A double of the Kubernetes API server with the HTTP operations that a deployment uses.

It stores applied objects. Deployments are ready and Jobs complete at once, but never if their
image name contains "broken". It does not validate; tests on the real server cover that.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

KINDS = {
    "deployments": "Deployment",
    "jobs": "Job",
}


class ApiServer:
    """The stored objects by path, and the method and path of each request that changed one.

    After `fail_after` changes, each further change gets 500. `meanwhile` is called once, before the
    next dry run. `before` maps a number of changes to a function to call before the next change.
    """

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {"/api/v1/namespaces/shop": {"kind": "Namespace"}}
        self.changes: list[str] = []
        self.fail_after: int | None = None
        self.meanwhile: Callable[[], None] | None = None
        self.before: dict[int, Callable[[], None]] = {}
        self.refuses: dict[str, tuple[int, str]] = {}
        self._version = 0

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        for part, (status, message) in self.refuses.items():
            if part in path:
                return status, {"message": message}
        if "dryRun" in query and self.meanwhile is not None:
            self.meanwhile, meanwhile = None, self.meanwhile
            meanwhile()
        is_change = method != "GET" and "dryRun" not in query
        if is_change:
            self.before.pop(len(self.changes), lambda: None)()
            if self.fail_after is not None and len(self.changes) >= self.fail_after:
                return 500, {"message": "the test stops here"}
            self.changes.append(f"{method} {path}")
        return getattr(self, f"_{method.lower()}")(path, query, body)

    def names(self, plural: str) -> list[str]:
        return sorted(path.rpartition("/")[2] for path in self.objects if f"/{plural}/" in path)

    def _get(self, path: str, query: dict[str, str], _: Any) -> tuple[int, Any]:
        if path in self.objects:
            return 200, self.objects[path]
        if "labelSelector" in query:
            found = [self.objects[each] for each in self._select(path, query)]
            version = found[0].get("apiVersion", "v1") if found else "v1"
            # Like the real server, omit kind and version from list items.
            drop = ("kind", "apiVersion")
            items = [{k: v for k, v in each.items() if k not in drop} for each in found]
            return 200, {"apiVersion": version, "items": items}
        return 404, {"message": f"{path} not found"}

    def _select(self, path: str, query: dict[str, str]) -> list[str]:
        wanted = dict(each.split("=") for each in query["labelSelector"].split(","))
        return [
            each
            for each, found in self.objects.items()
            if each.startswith(path + "/")
            and wanted.items() <= found["metadata"].get("labels", {}).items()
        ]

    def _patch(self, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        before = self.objects.get(path, {})
        if query.get("fieldManager"):
            found = _merged(before, body)
        else:
            found = {**before, "data": {**before["data"], **body["data"]}}
        return 200, found if "dryRun" in query else self._store(path, found)

    def _post(self, path: str, _: dict[str, str], body: Any) -> tuple[int, Any]:
        path = f"{path}/{body['metadata']['name']}"
        if path in self.objects:
            return 409, {"message": "already exists"}
        return 201, self._store(path, body)

    def _put(self, path: str, _: dict[str, str], body: Any) -> tuple[int, Any]:
        version = body["metadata"]["resourceVersion"]
        if self.objects[path]["metadata"]["resourceVersion"] != version:
            return 409, {"message": "the object has been modified"}
        return 200, self._store(path, body)

    def _delete(self, path: str, query: dict[str, str], _: Any) -> tuple[int, Any]:
        doomed = self._select(path, query) if "labelSelector" in query else [path]
        if doomed == [path] and path not in self.objects:
            return 404, {"message": "not found"}
        for each in doomed:
            del self.objects[each]
        return 200, {}

    def _store(self, path: str, found: dict[str, Any]) -> dict[str, Any]:
        self._version += 1
        own = {"resourceVersion": str(self._version), "uid": path, "generation": 1}
        found = {**found, "metadata": {**found["metadata"], **own}}
        kind = KINDS.get(path.split("/")[-2])
        if kind is not None:
            image = found["spec"]["template"]["spec"]["containers"][0]["image"]
            found["status"] = _status(kind, found, is_ready="broken" not in image)
        self.objects[path] = found
        return found


def _merged(before: Any, after: Any) -> Any:
    """Return `after` plus the fields that only `before` has: other managers own them."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        return after
    return {**before, **{key: _merged(before.get(key), each) for key, each in after.items()}}


def _status(kind: str, found: dict[str, Any], *, is_ready: bool) -> dict[str, Any]:
    if kind == "Job":
        condition = "Complete" if is_ready else "Failed"
        return {"conditions": [{"type": condition, "status": "True", "message": "no table"}]}
    count = found["spec"].get("replicas", 1)
    counts = dict.fromkeys(("replicas", "updatedReplicas", "availableReplicas"), count)
    if is_ready:
        return {"observedGeneration": 1, **counts}
    late = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
    return {"observedGeneration": 1, **counts, "availableReplicas": 0, "conditions": [late]}


@contextmanager
def serve(server: ApiServer) -> Iterator[str]:
    """Serve on loopback; return the URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            url = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(url.query).items()}
            status, answer = server.answer(self.command, url.path, query, body)
            text = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_PATCH = do_POST = do_PUT = do_DELETE = _answer

        def log_message(self, *_: Any) -> None:
            """Log nothing."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{http.server_port}"
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


def write_kubeconfig(file: Path, url: str, token: str = "admintok") -> Path:
    """Write a kubeconfig for a server with a bearer token."""
    cluster = {"server": url, "insecure-skip-tls-verify": True}
    file.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "t", "cluster": cluster}],
                "users": [{"name": "t", "user": {"token": token}}],
                "contexts": [{"name": "t", "context": {"cluster": "t", "user": "t"}}],
                "current-context": "t",
            }
        )
    )
    return file
