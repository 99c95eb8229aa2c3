"""The socket of the Admin API, its token file and its address file."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import msgspec
import pytest

from neurova.errors import ConfigError, StateError
from neurova.files.private import read_private_file, write_private_file
from neurova_platform.admin.access import (
    ADDRESS_FILE,
    TOKEN_FILE,
    address_file,
    announcement,
    listen,
    load_token,
)
from neurova_platform.settings.loading import load


def settings_of(project: Path, **admin: object) -> Any:
    flags = {f"admin.{key}": value for key, value in admin.items()}
    return load(project, environ={}, flags=flags)


def test_listens_on_loopback_by_default(probe_project: Path) -> None:
    assert settings_of(probe_project).admin.host == "127.0.0.1"
    with listen(settings_of(probe_project, port=0)) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_only_other_hosts_than_loopback_require_host_names(probe_project: Path, host: str) -> None:
    with pytest.raises(ConfigError, match=r"admin\.host.*admin\.hosts"):
        settings_of(probe_project, host=host)
    settings_of(probe_project, host=host, hosts=["admin.example"])
    settings_of(probe_project, host=host, enabled=False)
    for loopback in ("127.0.0.1", "127.8.8.8", "::1", "localhost"):
        settings_of(probe_project, host=loopback)


def test_only_a_default_port_in_use_is_replaced(probe_project: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"{port}.*admin\.port.*admin\.enabled"):
            listen(settings_of(probe_project, port=port), any_port=True)
        default = load(probe_project, environ={})
        default = msgspec.structs.replace(default, admin=type(default.admin)(port=port))
        with pytest.raises(ConfigError):
            listen(default)
        with listen(default, any_port=True) as listener:
            assert listener.getsockname()[1] != port


def test_unusable_address_raises_even_with_any_port(probe_project: Path) -> None:
    unusable = settings_of(probe_project, host="192.0.2.1", hosts=["admin.example"])
    with pytest.raises(ConfigError, match=r"192\.0\.2\.1.*admin\.enabled"):
        listen(unusable, any_port=True)


def test_address_file_of_another_platform_is_kept(probe_project: Path) -> None:
    settings = settings_of(probe_project)
    file = settings.state / ADDRESS_FILE
    with address_file(settings, "http://127.0.0.1:8001"):
        assert read_private_file(file) == "http://127.0.0.1:8001"
        with address_file(settings, "http://127.0.0.1:8002"):
            pass
        assert read_private_file(file) is None
    with address_file(settings, "http://127.0.0.1:8001"):
        write_private_file(file, "http://127.0.0.1:8002\n")
    assert read_private_file(file) == "http://127.0.0.1:8002"


def test_announcement_warns_if_other_machines_can_connect(probe_project: Path) -> None:
    local = announcement(settings_of(probe_project), "http://127.0.0.1:8001")
    assert "8001" in local
    assert TOKEN_FILE in local
    assert "other machines" not in local
    exposed = settings_of(probe_project, host="0.0.0.0", hosts=["admin.example"])
    assert "other machines can reach it" in announcement(exposed, "http://127.0.0.1:8001")


def test_configured_token_is_used_and_no_file_written(tmp_path: Path) -> None:
    assert load_token(tmp_path, "t" * 40) == "t" * 40
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ConfigError, match="is not an admin token"):
        load_token(tmp_path, "short")


def test_token_is_created_once_and_private(tmp_path: Path) -> None:
    token = load_token(tmp_path)
    assert len(token) > 40
    assert load_token(tmp_path) == token
    assert (tmp_path / TOKEN_FILE).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [TOKEN_FILE]


@pytest.mark.parametrize("text", ["", "short", "two words " * 9, "\n", "é" * 40])
def test_invalid_token_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / TOKEN_FILE).write_text(text)
    (tmp_path / TOKEN_FILE).chmod(0o600)
    with pytest.raises(StateError, match="does not contain an admin token"):
        load_token(tmp_path)
