"""From an empty folder to a live endpoint, with the documented commands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from neurova_platform import http_client

from ..serving import neurova, serving

pytestmark = pytest.mark.server


def test_project_is_created_called_extended_and_run(tmp_path: Path) -> None:
    """The first call needs no key; a new function is served without a restart."""
    neurova(tmp_path, "new", "project", "demo")
    project = tmp_path / "demo"
    with serving(project, "dev") as dev:
        dev.event("ready")
        assert json.loads(neurova(project, "call", "GET", "/hello/Ada")) == {"text": "Hello, Ada!"}
        neurova(project, "new", "function", "hotel", "rooms", "--path", "/hotel/{floor}/rooms")
        assert dev.event("reload")["service"] == "hotel"
        assert json.loads(neurova(project, "call", "GET", "/hotel/2/rooms")) == {"floor": "2"}
        explained = json.loads(neurova(project, "explain", "GET", "/hotel/2/rooms", "--json"))
        assert "hotel:read" in json.dumps(explained)
        assert dev.end() == (0, "")
    made = json.loads(
        neurova(project, "keys", "create", "--consumer", "a", "--scope", "hotel:read", "--json")
    )
    with serving(project, "run") as run:
        url = run.event("ready")["url"]
        key = {"X-API-Key": made["key"]}
        assert http_client.send(url, "GET", "/hotel/3/rooms", key, None).decoded() == {"floor": "3"}
        assert http_client.send(url, "GET", "/hello/Ada", key, None).status == 403
        neurova(project, "keys", "revoke", made["key_id"])
        # The gateway notices new keys within a second: it polls the store every 0.25 s.
        while http_client.send(url, "GET", "/hotel/3/rooms", key, None).status == 200:
            pass
        assert http_client.send(url, "GET", "/hotel/3/rooms", key, None).status == 401
        assert run.end() == (0, "")
