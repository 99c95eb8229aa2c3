"""`neurova keys`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from neurova_gateway.keys.key import read_environment


def created(cli: Callable[..., Any], *words: str) -> dict[str, Any]:
    result = cli("keys", "create", "--consumer", "acme", *words, "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def listed(cli: Callable[..., Any], *words: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(cli("keys", "list", *words, "--json").stdout)
    return found


def test_only_the_key_goes_to_standard_output(cli: Callable[..., Any], project: Path) -> None:
    result = cli("keys", "create", "--consumer", "acme", "--expires", "30d")
    assert read_environment(result.stdout.removesuffix("\n")) == "live"
    assert "of acme, expires 2" in result.stderr


def test_all_options_are_stored(cli: Callable[..., Any], project: Path) -> None:
    words = "--scope a:read --scope a:write --env test --expires 1h --limits 5/minute "
    words += "--consumer-limits 9/minute --quota 7 --cidr 10.0.0.0/8 --name n"
    made = created(cli, *words.split())
    assert read_environment(made["key"]) == "test"
    (record,) = listed(cli)
    assert record["scopes"] == ["a:read", "a:write"]
    assert record["expires_at"] - record["created_at"] == pytest.approx(3600)
    assert (record["limits"], record["consumer_limits"]) == ("5/minute", "9/minute")
    assert (record["quota"], record["cidrs"], record["name"]) == (7, ["10.0.0.0/8"], "n")


def test_list_shows_neither_key_nor_digest(cli: Callable[..., Any], project: Path) -> None:
    made = created(cli)
    for shown in (cli("keys", "list").stdout, cli("keys", "list", "--json").stdout):
        assert made["key_id"] in shown
        assert made["key"] not in shown
        assert "digest" not in shown


def test_revoked_key_is_listed_only_with_all(cli: Callable[..., Any], project: Path) -> None:
    made = created(cli)
    assert cli("keys", "revoke", made["key_id"]).exit_code == 0
    assert listed(cli) == []
    assert [record["key_id"] for record in listed(cli, "--all")] == [made["key_id"]]
    assert "revoked 2" in cli("keys", "list", "--all").stdout


def test_rotated_key_expires_after_the_overlap(cli: Callable[..., Any], project: Path) -> None:
    made = created(cli, "--scope", "a:read")
    fresh = json.loads(cli("keys", "rotate", made["key_id"], "--json").stdout)
    assert fresh["scopes"] == ["a:read"]
    old, new = listed(cli)
    assert old["revoked_at"] - new["created_at"] == pytest.approx(3600)
    cli("keys", "rotate", fresh["key_id"], "--overlap", "0s")
    assert fresh["key_id"] not in [record["key_id"] for record in listed(cli)]


def test_limits_of_a_consumer_are_changed(cli: Callable[..., Any], project: Path) -> None:
    created(cli)
    result = cli("keys", "limit", "acme", "9/minute,5/second")
    assert (result.exit_code, result.stdout) == (
        0,
        "acme: 5/second, 9/minute for all keys together, now 1\n",
    )
    assert [record["consumer_limits"] for record in listed(cli)] == ["5/second, 9/minute"]
    document = json.loads(cli("keys", "limit", "acme", "", "--json").stdout)
    assert document == {"consumer": "acme", "limits": "", "keys": 1}
    assert [record["consumer_limits"] for record in listed(cli)] == [""]


@pytest.mark.parametrize(
    "words",
    [
        ("revoke", "key_none"),
        ("limit", "acme", "5/eon"),
        ("create", "--consumer", " "),
        *(
            ("create", "--consumer", "acme", "--consumer-limits", "1/day", *wrong)
            for wrong in (
                *(("--scope", "BAD"), ("--limits", "5/eon")),
                *(("--cidr", "10.0.0.1/8"), ("--name", " ")),
            )
        ),
    ],
)
def test_invalid_value_changes_nothing(
    cli: Callable[..., Any], project: Path, words: tuple[str, ...]
) -> None:
    created(cli, "--consumer-limits", "9/minute")
    result = cli("keys", *words)
    assert result.exit_code == 1
    assert result.stderr.startswith("neurova: ")
    assert [record["consumer_limits"] for record in listed(cli, "--all")] == ["9/minute"]
