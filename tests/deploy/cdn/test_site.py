"""The files of a page: hashed names, references, compressed forms, headers, refusals."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from neurova.errors import ConfigError
from neurova_deploy.cdn.site import IMMUTABLE, REVALIDATED, Site, build_site

HTML = """<!doctype html>
<meta name="api" content="{{ api }}">
<link rel="stylesheet" href="css/page.css"><link href='/icon.svg?v=1#x' rel=icon>
<a href="#main">x</a><a href="/">home</a><a href="https://example.org/js/app.js">elsewhere</a>
<script type="module" src="js/app.js"></script>
"""
PAGE = {
    "index.html": HTML,
    "about/index.html": '<script src="../js/app.js"></script>',
    "css/page.css": '@import "base.css";\nbody{background:url( "../icon.svg" )}',
    "css/base.css": "p{margin:0}",
    "icon.svg": "<svg/>",
    "js/app.js": 'import { a } from "./api.js";\nconst x = await import("./late.js"); // from "x"',
    "js/api.js": 'export const a = new URL("../icon.svg", import.meta.url); fetch("/rooms")',
    "js/late.js": "export default 1",
    "robots.txt": "User-agent: *",
    ".git/config": "secret",
}


def write(folder: Path, files: dict[str, str]) -> Path:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


def texts(site: Site) -> dict[str, str]:
    """Return the contents by path, with each hash replaced by `*`."""
    plain = re.compile(r"\.[0-9a-f]{10}\.")
    return {
        plain.sub(".*.", file.path): plain.sub(".*.", file.content.decode()) for file in site.files
    }


def test_references_name_the_hashed_files(tmp_path: Path) -> None:
    site = build_site(write(tmp_path, PAGE), {"api": ""})
    found = texts(site)
    assert list(found) == [
        "css/base.*.css",
        "css/page.*.css",
        "icon.*.svg",
        "js/api.*.js",
        "js/app.*.js",
        "js/late.*.js",
        "about/index.html",
        "index.html",
        "robots.txt",
    ]
    assert (
        found["css/page.*.css"] == '@import "base.*.css";\nbody{background:url( "../icon.*.svg" )}'
    )
    assert found["js/app.*.js"].startswith('import { a } from "./api.*.js";')
    assert found["js/app.*.js"].endswith('import("./late.*.js"); // from "x"')
    assert found["js/api.*.js"] == PAGE["js/api.js"].replace("icon.svg", "icon.*.svg")
    assert found["about/index.html"] == '<script src="../js/app.*.js"></script>'
    html = found["index.html"]
    assert 'href="css/page.*.css"' in html
    assert "href='/icon.*.svg?v=1#x'" in html
    assert 'href="https://example.org/js/app.js"' in html
    published = {file.path for file in site.files}
    names = {
        name
        for file in site.files
        for name in re.findall(rb"[\w.]+\.[0-9a-f]{10}\.\w+", file.content)
    }
    assert names <= {Path(path).name.encode() for path in published}


def test_name_changes_with_what_a_file_refers_to(tmp_path: Path) -> None:
    def names() -> dict[str, str]:
        return {
            file.path.split(".")[0]: file.path for file in build_site(tmp_path, {"api": ""}).files
        }

    before = names() if write(tmp_path, PAGE) else {}
    assert names() == before
    (tmp_path / "js" / "late.js").write_text("export default 2")
    after = names()
    assert {key for key in after if after[key] != before[key]} == {"js/late", "js/app"}


def test_each_file_has_type_hash_and_caching(tmp_path: Path) -> None:
    write(tmp_path, {**PAGE, "js/late.js": "export default 'long text'; " * 50})
    for file in build_site(tmp_path, {"api": ""}).files:
        assert file.cache_control == (IMMUTABLE if file.is_hashed else REVALIDATED)
        assert file.is_hashed == (not file.path.endswith((".html", ".txt")))
        assert file.sha256 == hashlib.sha256(file.content).hexdigest()
        assert (file.sha256[:10] in file.path) == file.is_hashed
        if "late" in file.path:
            assert file.content_type == "text/javascript; charset=utf-8"


@pytest.mark.parametrize(
    ("api", "connect"),
    [
        ("", "connect-src 'self';"),
        ("https://api.example:8443/v1", "'self' https://api.example:8443;"),
    ],
)
def test_policy_allows_only_own_files_and_the_api(tmp_path: Path, api: str, connect: str) -> None:
    site = build_site(write(tmp_path, PAGE), {"api": api})
    policy = site.headers["content-security-policy"]
    assert connect in policy
    assert "unsafe" not in policy
    assert {"default-src 'none'", "frame-ancestors 'none'"} <= set(policy.split("; "))
    assert f'content="{api}"' in texts(site)["index.html"]


def test_variable_cannot_leave_its_attribute(tmp_path: Path) -> None:
    site = build_site(write(tmp_path, PAGE), {"api": '"><script>'})
    assert "<script>" not in texts(site)["index.html"]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"index.html": ""}, ""),
        ({"a.js": ""}, "has no index.html"),
        ({"index.html": '\n<script src="a.js">'}, "index.html:2: refers to 'a.js'"),
        ({"index.html": "<a href='../../etc/passwd'>"}, "refers to 'etc/passwd'"),
        ({"index.html": "\n{{ apo }}"}, "index.html:2: uses the variable 'apo'"),
        ({"index.html": "", "key.pem": "secret"}, "key.pem: has no known type"),
        (
            {"index.html": "", "a.js": 'import "./b.js"', "b.js": '\nimport "./a.js"'},
            "b.js:2: refers to 'a.js', which refers back",
        ),
    ],
)
def test_faults_are_refused_with_their_place(
    tmp_path: Path, files: dict[str, str], message: str
) -> None:
    write(tmp_path, files)
    if not message:
        assert build_site(tmp_path, {}).files
        return
    with pytest.raises(ConfigError) as refused:
        build_site(tmp_path, {"api": ""})
    assert message in str(refused.value)


def test_links_out_of_the_folder_are_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "web", {"index.html": ""})
    (tmp_path / "key.txt").write_text("secret")
    (folder / "key.txt").symlink_to(tmp_path / "key.txt")
    with pytest.raises(ConfigError, match="links to a file outside"):
        build_site(folder, {})
