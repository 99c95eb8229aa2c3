"""moto's AWS, plus a double of the CloudFront policies that moto lacks."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any
from urllib.request import Request, urlopen

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

_POLICY = re.compile(r"/2020-05-31/(response-headers-policy|cache-policy)/?([^/]*)")
_KINDS = {"response-headers-policy": "ResponseHeadersPolicy", "cache-policy": "CachePolicy"}
_DENIED = (
    "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code>"
    "<Message>User deployer is not authorized to perform {}</Message></Error></ErrorResponse>"
)


class Aws:
    """A WSGI app that records changing requests and can refuse them."""

    def __init__(self) -> None:
        self._moto = DomainDispatcherApplication(create_backend_app)
        self.policies: dict[str, dict[str, str]] = {kind: {} for kind in _KINDS.values()}
        """The XML of each policy by kind and id."""
        self.changes: list[str] = []
        self.allowed: int | None = None
        """How many more changes are allowed."""

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        if method not in ("GET", "HEAD") and "/moto-api/" not in path and path != "/":
            if self.allowed == 0:
                start_response("403 Forbidden", [("content-type", "text/xml")])
                return [_DENIED.format(f"{method} {path}").encode()]
            self.allowed = self.allowed and self.allowed - 1
            self.changes.append(f"{method} {path}")
        found = _POLICY.fullmatch(path)
        if found is None:
            answer: Iterable[bytes] = self._moto(environ, start_response)
            return answer
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)).decode()
        status, text = self._answer(method, _KINDS[found[1]], found[2], body)
        start_response(status, [("content-type", "text/xml"), ("etag", "E1")])
        return [text.encode()]

    def _answer(self, method: str, kind: str, identity: str, body: str) -> tuple[str, str]:
        policies = self.policies[kind]
        if method == "DELETE":
            del policies[identity]
            return "204 No Content", ""
        if method in ("POST", "PUT"):
            identity = identity or str(uuid.uuid4())
            policies[identity] = re.sub(r"<\?xml.*?\?>| xmlns=\"[^\"]*\"", "", body)
        texts = {
            key: f"<{kind}><Id>{key}</Id>{config}</{kind}>" for key, config in policies.items()
        }
        if identity:
            return "200 OK", texts[identity]
        items = "".join(
            f"<{kind}Summary><Type>custom</Type>{text}</{kind}Summary>" for text in texts.values()
        )
        count = len(texts)
        return "200 OK", f"<L><Quantity>{count}</Quantity><Items>{items}</Items></L>"


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        pass


@contextmanager
def serve_wsgi(app: Any) -> Iterator[str]:
    """Serve a WSGI app on a free port; yield its URL."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def forget_all(url: str) -> None:
    """Reset moto, whose state is shared by the whole process."""
    urlopen(Request(f"{url}/moto-api/reset", method="POST")).close()
