"""`neurova config`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest


def test_settings_are_shown_with_their_origin(
    cli: Callable[..., object], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEUROVA_GATEWAY_PORT", "9000")
    lines = cli("config").stdout.splitlines()
    assert "project.name\tdemo\tneurova.toml:4" in lines
    assert "gateway.port\t9000\tenvironment NEUROVA_GATEWAY_PORT" in lines
    assert "gateway.hosts\t(none)\tdefault" in lines
    assert "gateway.cors.credentials\tfalse\tdefault" in lines
    values = {item["key"]: item["value"] for item in json.loads(cli("config", "--json").stdout)}
    assert (values["gateway.port"], values["gateway.hosts"]) == (9000, [])
