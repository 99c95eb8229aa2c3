"""Values are converted to the types of settings; an unknown name suggests the nearest one."""

from __future__ import annotations

import pytest

from neurova_platform.settings.fields import (
    FIELDS,
    convert,
    is_secret,
    nearest,
    nearest_variable,
    parse_size,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [("1 MiB", 1 << 20), ("1MB", 1_000_000), ("1.5 kB", 1500), ("7 B", 7), ("2 GiB", 2 << 30)],
)
def test_size_units_are_parsed(text: str, value: int) -> None:
    assert parse_size(text) == value


@pytest.mark.parametrize("text", ["", "MiB", "1 mib", "-1 MiB", "1e3 B", "1 TiB"])
def test_invalid_size_is_refused(text: str) -> None:
    assert parse_size(text) == text
    with pytest.raises(ValueError, match="must be a size"):
        convert(FIELDS["gateway.max_body"], text, text=False)


def test_only_environment_text_becomes_a_number() -> None:
    assert convert(FIELDS["gateway.port"], "80", text=True) == 80
    with pytest.raises(ValueError, match="not '80'"):
        convert(FIELDS["gateway.port"], "80", text=False)


def test_secret_value_is_not_shown_in_the_error() -> None:
    with pytest.raises(ValueError, match=r"^must be a whole number from 0 to 65535$"):
        convert(FIELDS["gateway.port"], "nrv_live_abc", text=True)


def test_nearest_name_is_suggested_only_when_close() -> None:
    assert nearest("zzzzzz", list(FIELDS)) == ""
    assert nearest("gateway.prt", list(FIELDS)) == "gateway.port"
    assert nearest_variable("NEUROVA_GATEWAY_ZZZZ", ["NEUROVA_GATEWAY_PORT"]) == ""


def test_path_of_tls_key_is_not_a_secret() -> None:
    assert not is_secret("gateway.tls_key", "certs/key.pem")
    assert not is_secret("gateway.cors.credentials", True)
    assert is_secret("x.api_key", "abc")
