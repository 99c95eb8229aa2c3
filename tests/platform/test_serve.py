"""A port that cannot be had is said, with the fix."""

import socket
from pathlib import Path

import pytest

from neurova.errors import ConfigError
from neurova_platform.serve import bind, check_certificate


def test_a_port_in_use_is_named_with_the_fix() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"{port}.*in use.*--port"):
            bind("127.0.0.1", port)


def test_an_address_that_is_not_this_machines_is_named() -> None:
    with pytest.raises(ConfigError, match=r"203\.0\.113\.1.*gateway\.host"):
        bind("203.0.113.1", 8000)


def test_a_free_port_is_found() -> None:
    with bind("127.0.0.1", 0) as listener:
        assert listener.getsockname()[1] > 0


def test_a_certificate_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "cert.pem").write_text("no certificate")
    (tmp_path / "key.pem").write_text("no key")
    with pytest.raises(ConfigError, match=r"cert\.pem.*PEM"):
        check_certificate(str(tmp_path / "cert.pem"), str(tmp_path / "key.pem"))
