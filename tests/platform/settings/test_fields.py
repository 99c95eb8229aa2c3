"""Fields: dotted keys, values from text, nearest names, lines."""

from __future__ import annotations

import pytest

from neurova_platform.settings.fields import (
    convert,
    line_of,
    nearest,
    nearest_variable,
    secret,
    size,
)
from neurova_platform.settings.loading import FIELDS


@pytest.mark.parametrize(
    ("text", "value"),
    [("1 MiB", 1 << 20), ("1MB", 1_000_000), ("1.5 kB", 1500), ("7 B", 7), ("2 GiB", 2 << 30)],
)
def test_sizes_have_units(text: str, value: int) -> None:
    assert size(text) == value


@pytest.mark.parametrize("text", ["", "MiB", "1 mib", "-1 MiB", "1e3 B", "1 TiB"])
def test_what_is_no_size_stays_a_text_and_is_refused(text: str) -> None:
    assert size(text) == text
    with pytest.raises(ValueError, match="expects a size"):
        convert(FIELDS["gateway.max_body"], text, text=False)


def test_a_size_may_be_a_plain_number_of_bytes_in_the_file_and_in_the_environment() -> None:
    assert convert(FIELDS["gateway.max_body"], 4096, text=False) == 4096
    assert convert(FIELDS["gateway.max_body"], "4096", text=True) == 4096


def test_text_becomes_a_number_only_when_it_comes_from_the_environment() -> None:
    assert convert(FIELDS["gateway.port"], "80", text=True) == 80
    with pytest.raises(ValueError, match="not '80'"):
        convert(FIELDS["gateway.port"], "80", text=False)


def test_a_value_that_looks_secret_is_not_shown() -> None:
    with pytest.raises(ValueError, match="not what is there"):
        convert(FIELDS["gateway.port"], "nrv_live_abc", text=True)


def test_a_name_without_a_near_one_gets_none() -> None:
    assert nearest("zzzzzz", list(FIELDS)) == ""
    assert nearest("gateway.prt", list(FIELDS)) == "gateway.port"
    assert nearest_variable("NEUROVA_GATEWAY_ZZZZ", ["NEUROVA_GATEWAY_PORT"]) == ""


def test_a_path_to_a_tls_key_is_no_secret() -> None:
    assert not secret("gateway.tls_key", "certs/key.pem")
    assert not secret("gateway.cors.credentials", True)
    assert secret("x.api_key", "abc")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[gateway]\nport = 1\n", 2),
        ("gateway.port = 1\n", 1),
        ("# port\n[ gateway ] # here\n\n port=1", 4),
        ("gateway = { port = 1 }\n", 1),
        ("[runtime]\nport = 1\n", 0),
    ],
)
def test_the_line_of_a_key_is_found_in_every_spelling(text: str, line: int) -> None:
    assert line_of(text, "gateway.port") == line
