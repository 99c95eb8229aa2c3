"""`neurova deploy site`, and the project settings that it uses."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from neurova_platform.cli.group import root

from .conftest import CloudflareEdge

SETTINGS = """
[project]
name = "shop"

[site]
folder = "web"

[deploy.test]
image = "registry.example/shop:{version}"
kong_image = "registry.example/kong:1"
cdn = "cloudflare"
cdn_origin = "https://api.example.org"
cdn_domain = "www.example.org"
cdn_account = "a1"
"""
FUNCTIONS = """
from typing import Annotated

from neurova import Cookie, Header, Request, get, post


@get("/rooms", {access})
async def rooms({parameters}) -> str:
    return "rooms"
"""


class Shop:
    """A project with a page that is published to the double of Cloudflare."""

    def __init__(self, edge: CloudflareEdge, folder: Path) -> None:
        self.edge, self.folder = edge, folder
        (folder / "neurova.toml").write_text(SETTINGS)
        self.write()

    def write(self, access: str = "public=True", parameters: str = "") -> None:
        file = self.folder / "functions" / "hotel" / "rooms.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(FUNCTIONS.format(access=access, parameters=parameters))

    def __call__(self, *words: str) -> Result:
        done = CliRunner().invoke(root, ["deploy", "site", *words])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done

    def stores(self) -> bool:
        """Return whether the CDN may cache the function's responses."""
        (script,) = self.edge.api.scripts.values()
        routes = dict(json.loads(script.modules["site.json"])["routes"])
        return bool(routes["^/rooms$"])


@pytest.fixture
def shop(cloudflare: CloudflareEdge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.chdir(tmp_path)
    return Shop(cloudflare, tmp_path)


def test_plan_publish_rollback_and_destroy(shop: Shop) -> None:
    planned = shop("test", "--plan", "--json")
    assert planned.exit_code == 2
    assert "index.html" in json.loads(planned.stdout)["uploads"]
    assert shop.edge.api.changes == []
    done = shop("--yes")
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (
        0,
        "Release 1: https://www.example.org",
    )
    assert shop("test", "--plan").exit_code == 0
    before = shop.edge.served()["/"]
    shop.edge.write("css/page.css", "p{margin:1px}")
    shop("test", "--yes")
    assert shop.edge.served()["/"] != before
    assert "Release 3" in shop("test", "--rollback", "--yes").stdout
    assert shop.edge.served()["/"] == before
    assert "the releases are: 3, 2, 1" in shop("test", "--rollback", "--to", "7").stderr
    assert "Deleted" in shop("test", "--destroy", "--yes").stdout
    assert shop.edge.is_empty()


def test_only_public_replies_of_a_url_are_stored(shop: Shop) -> None:
    for access, parameters, is_stored in (
        ("public=True, cache='60s'", "page: int = 1", True),
        ("public=True", "", False),
        ("cache='60s'", "", False),
        ("public=True, cache='60s'", "language: Annotated[str, Header] = ''", False),
        ("public=True, cache='60s'", "session: Annotated[str, Cookie] = ''", False),
        ("public=True, cache='60s'", "request: Request", False),
    ):
        shop.write(access, parameters)
        shop("test", "--yes")
        assert shop.stores() == is_stored, (access, parameters)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('cdn = "cloudflare"', "", "deploy.test.cdn: is not set"),
        ('folder = "web"', "", "site.folder: is not set"),
        ("https://api", "http://api", 'cdn_origin.*"https://api.example.org"'),
        ('"www.example.org"', '"https://www.example.org"', "cdn_domain.*is no host name"),
        ('cdn = "cloudflare"', 'cdn = "cloudfront"', "cdn_certificate.*us-east-1"),
        ('cdn = "cloudflare"', 'cdn = "akamai"', 'cdn.*"cloudfront"'),
    ],
)
def test_wrong_setting_names_the_fix(shop: Shop, old: str, new: str, message: str) -> None:
    (shop.folder / "neurova.toml").write_text(SETTINGS.replace(old, new))
    done = shop("test", "--plan")
    assert done.exit_code == 3
    assert re.search(message, " ".join(done.stderr.split())), done.stderr
