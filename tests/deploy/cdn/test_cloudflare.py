"""Operator mistakes on Cloudflare, and assets that Cloudflare has deleted."""

from __future__ import annotations

import pytest

from neurova.errors import NeurovaError
from neurova_deploy.cdn.table import open_cdn

from .cloudflare_api import Script
from .conftest import NAME, CloudflareEdge


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"CLOUDFLARE_API_TOKEN": ""}, "CLOUDFLARE_API_TOKEN is not set: create a token"),
        (
            {"CLOUDFLARE_API_TOKEN": "secret-wrong"},
            "401: Authentication error .code 10000.*docs/cdn",
        ),
        ({"CLOUDFLARE_API_BASE_URL": "http://127.0.0.1:1"}, "no response .*refused"),
    ],
)
def test_wrong_token_names_the_fix(
    cloudflare: CloudflareEdge,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    message: str,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(NeurovaError, match=message) as refused:
        open_cdn("shop", "test", cloudflare.deploy).check()
    assert "secret-wrong" not in str(refused.value)


def test_what_others_own_is_refused(cloudflare: CloudflareEdge) -> None:
    double = cloudflare.api
    double.domains["d1"] = {"id": "d1", "hostname": "www.example.org", "service": "theirs"}
    with pytest.raises(NeurovaError, match=r"www\.example\.org belongs to the Worker theirs"):
        cloudflare.plan()
    double.domains.clear()
    double.scripts[NAME] = Script({"worker.js": b"theirs"}, {}, {})
    with pytest.raises(NeurovaError, match="was not published by neurova"):
        cloudflare.plan()
    assert double.changes == []


def test_change_by_hand_is_shown_and_taken_back(cloudflare: CloudflareEdge) -> None:
    cloudflare.publish()
    cloudflare.api.scripts[NAME].modules["worker.js"] = b"changed"
    cloudflare.api.domains.clear()
    shown = str(cloudflare.publish())
    assert f"~ Worker/{NAME}" in shown
    assert "+ Domain/www.example.org" in shown
    assert not cloudflare.plan()


def test_only_missing_contents_are_sent(cloudflare: CloudflareEdge) -> None:
    """Upload only assets that Cloudflare lacks; drop old files whose content is lost."""
    cloudflare.publish()
    old = next(each for each in cloudflare.served() if each.startswith("/js/"))
    sent = set(cloudflare.api.assets)
    cloudflare.write("js/app.js", "let version = 2")
    assert len(cloudflare.publish().uploads) == len(set(cloudflare.api.assets) - sent) == 3
    assert old in cloudflare.served()
    del cloudflare.api.assets[cloudflare.api.scripts[NAME].files[old]]
    cloudflare.write("robots.txt", "x")
    cloudflare.publish()
    assert old not in cloudflare.served()
    assert "/robots.txt" in cloudflare.served()
