"""The public page: its files, caching and encodings, and which requests are refused."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import brotli
import pytest
from tests.gateway.pipeline.conftest import Run

from neurova_gateway.pipeline.static_site import compress
from neurova_platform.testing.platform import TestPlatform

STYLE = "p { margin: 0 }\n" * 100
SITE = '\n[site]\nfolder = "web"'


@pytest.fixture
def site(run_probe: Run, probe_project: Path) -> Callable[[str], TestPlatform]:
    """Return a function that runs the probe with a page and these `[gateway]` settings."""
    web = probe_project / "web"
    (web / "about").mkdir(parents=True)
    (web / "index.html").write_text('<link rel="stylesheet" href="page.css">')
    (web / "about" / "index.html").write_text("about")
    (web / "page.css").write_text(STYLE)
    return lambda settings="": run_probe(settings + SITE)


def test_encodings_are_smaller_than_the_file() -> None:
    content = b"export default 'long text'; " * 50
    encodings = compress(content, "text/javascript; charset=utf-8")
    assert all(len(each) < len(content) for each in encodings.values())
    assert brotli.decompress(encodings["br"]) == content
    assert gzip.decompress(encodings["gzip"]) == content
    assert compress(b"x", "text/plain; charset=utf-8") == {}
    assert compress(content, "image/png") == {}


def find_style(running: TestPlatform) -> str:
    return "/" + running.get("/").text.split('href="')[1].split('"')[0]


@pytest.mark.parametrize(
    ("accepted", "coding", "decode"),
    [
        ("", None, bytes),
        ("gzip", "gzip", gzip.decompress),
        ("gzip, deflate, br, zstd", "br", brotli.decompress),
        ("br;q=0.5, gzip", "gzip", gzip.decompress),
        ("br;q=0", None, bytes),
    ],
)
def test_file_is_sent_in_the_best_accepted_coding(
    site: Callable[..., TestPlatform],
    accepted: str,
    coding: str | None,
    decode: Callable[[bytes], bytes],
) -> None:
    running = site()
    response = running.get(find_style(running), headers={"accept-encoding": accepted})
    assert decode(response.body) == STYLE.encode()
    assert response.headers.get("content-encoding") == coding
    assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert response.headers["vary"] == "accept-encoding"
    assert response.headers["content-type"] == "text/css; charset=utf-8"


def test_page_is_revalidated_and_protected(site: Callable[..., TestPlatform]) -> None:
    running = site()
    page = running.get("/")
    assert page.status == 200
    assert page.headers["cache-control"] == "no-cache"
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert page.headers["x-content-type-options"] == "nosniff"
    assert "strict-transport-security" not in page.headers  # the connection has no TLS
    unchanged = running.get("/", headers={"if-none-match": f'"x", {page.headers["etag"]}'})
    assert (unchanged.status, unchanged.body) == (304, b"")
    assert unchanged.headers["etag"] == page.headers["etag"]
    head = running.call("HEAD", "/")
    assert (head.status, head.body) == (200, b"")
    assert running.get("/about/").text == "about"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/index.html", 404),
        ("GET", "/about", 404),
        ("GET", "/page.css", 404),  # without the hash
        ("GET", "/missing", 404),
        ("GET", "/../neurova.toml", 400),
        ("GET", "/%2e%2e/neurova.toml", 400),
        ("GET", "/about/..%2f..%2fneurova.toml", 400),
        ("POST", "/", 405),
        ("DELETE", "/count", 405),  # a function's route takes precedence
        ("GET", "/secret", 401),
    ],
)
def test_everything_else_is_refused_as_without_a_page(
    site: Callable[..., TestPlatform], method: str, path: str, status: int
) -> None:
    response = site().call(method, path)
    assert response.status == status
    assert response.headers["content-type"] == "application/problem+json"


def test_nothing_is_served_behind_kong_or_without_compression(
    site: Callable[..., TestPlatform],
) -> None:
    running = site("compress = false")
    response = running.get(find_style(running), headers={"accept-encoding": "br"})
    assert response.body == STYLE.encode()
    running = site('behind = "kong"')
    assert running.get("/").status != 200


def test_new_build_replaces_the_page(
    site: Callable[..., TestPlatform], probe_project: Path
) -> None:
    running = site()
    before = find_style(running)
    (probe_project / "web" / "page.css").write_text("p { margin: 1px }")
    running.platform.load_site()
    assert find_style(running) != before
    assert running.get(before).status == 404
