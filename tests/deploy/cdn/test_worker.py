"""The published Worker, run on workerd with Cloudflare's own asset server."""

from __future__ import annotations

import http.client
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from tests.servers import npm

from neurova_deploy.cdn.site import IMMUTABLE

from .cloudflare_api import Script
from .conftest import NAME, CloudflareEdge

pytestmark = pytest.mark.server
FILE = Path(__file__).parent / "serve_worker.mjs"


class Answer(NamedTuple):
    """A response; `call` is the request that reached the API."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def call(self) -> Any:
        return json.loads(self.body)


class Client:
    """Calls a Worker at a URL."""

    def __init__(self, url: str) -> None:
        self._address = urlsplit(url)

    def __call__(self, method: str, path: str, headers: Any = None, body: Any = None) -> Answer:
        connection = http.client.HTTPConnection(
            self._address.hostname or "", self._address.port, timeout=30
        )
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            fields = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, fields, response.read())
        finally:
            connection.close()


@pytest.fixture
def worker(cloudflare: CloudflareEdge, tmp_path: Path) -> Iterator[Client]:
    """Publish the page, and run the uploaded Worker on workerd."""
    cloudflare.publish()
    script: Script = cloudflare.api.scripts[NAME]
    folder = tmp_path / "assets"
    for path, each in script.files.items():
        file = folder / path[1:]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(cloudflare.api.assets[each])
    (folder / "_headers").write_text(script.metadata["assets"]["config"]["_headers"])
    modules = [
        {
            "type": "Text" if name.endswith(".json") else "ESModule",
            "path": name,
            "contents": content.decode(),
        }
        for name, content in script.modules.items()
    ]
    options = {
        "name": NAME,
        "modules": modules,
        "modulesRoot": "/",
        "compatibilityDate": script.metadata["compatibility_date"],
        "assets": {"directory": str(folder), "routerConfig": {"has_user_worker": True}},
    }
    miniflare = npm.package("miniflare", "4.20260730.0")
    process = subprocess.Popen(
        ["node", FILE, miniflare, json.dumps(options)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield Client(process.stdout.readline().strip())
    finally:
        process.stdin.close()
        process.wait(30)
        process.stdout.close()


def test_worker_serves_page_and_passes_api_on(worker: Client, cloudflare: CloudflareEdge) -> None:
    site = cloudflare.plan().front.headers
    page = worker("GET", "/", {"accept-encoding": "gzip"})
    assert page.status == 200
    assert page.headers.items() >= {**site, "cache-control": "no-cache"}.items()
    assert page.headers["content-encoding"] == "gzip"
    name = next(each for each in cloudflare.served() if each.startswith("/js/"))
    hashed = worker("GET", name)
    assert (hashed.status, hashed.headers["cache-control"]) == (200, IMMUTABLE)
    assert hashed.headers.items() >= site.items()
    assert worker("GET", "/robots.txt").headers["cache-control"] == "no-cache"
    assert worker("GET", "/about/").status == 200
    for path in ("/js/app.js", "/nothing", "/site.json", "/releases.json", "/_headers"):
        missing = worker("GET", path)
        assert (missing.status, missing.headers["cache-control"]) == (404, "no-store")
        assert missing.headers.items() >= site.items()
    sent = worker(
        "POST", "/bookings?a=1&b=%2F", {"x-api-key": "k", "x-forwarded-for": "6.6.6.6"}, "{}"
    )
    call = sent.call
    assert (call["method"], call["body"]) == ("POST", "{}")
    assert call["url"] == "https://api.example.org/bookings?a=1&b=%2F"
    assert call["headers"]["x-api-key"] == "k"
    assert "6.6.6.6" not in call["headers"]["x-forwarded-for"]


def test_only_cached_functions_are_stored(worker: Client) -> None:
    for method, path, headers, is_stored in (
        ("GET", "/rooms/1", {}, True),
        ("GET", "/rooms/1?page=2", {}, True),
        ("GET", "/rooms", {}, False),
        ("GET", "/bookings", {}, False),
        ("POST", "/rooms/2", {}, False),
        ("GET", "/rooms/1", {"x-api-key": "k"}, False),
        ("GET", "/rooms/1", {"authorization": "Bearer k"}, False),
        ("GET", "/rooms/1", {"cookie": "a=b"}, False),
        ("GET", "/rooms/1", {"origin": "https://elsewhere.example"}, False),
        ("GET", "/rooms/3", {"answer": "200"}, False),
        ("GET", "/rooms/4", {"answer": "200 private, max-age=60"}, False),
        ("GET", "/rooms/5", {"answer": "404 public, max-age=60"}, False),
    ):
        # The Worker caches a response after sending it, so the next call may still miss it.
        counts: list[int] = []
        while len(set(counts)) == len(counts) < (100 if is_stored else 3):
            call = worker(method, path, headers).call
            counts.append(call["count"])
            assert call["url"] == f"https://api.example.org{path}"
        assert (len(set(counts)) < len(counts)) == is_stored, (method, path, headers)
