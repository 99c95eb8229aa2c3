"""Settings that refer to a secret: `url = { secret = "db#url" }`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from neurova.errors import ConfigError, StateError
from neurova.secrets.base import SecretVersion
from neurova.settings.settings import Settings
from neurova_platform.composition.backends import open_secret_store
from neurova_platform.settings.loading import load, without_secrets


def project(folder: Path, text: str) -> Path:
    (folder / "functions" / "shop").mkdir(parents=True, exist_ok=True)
    (folder / "neurova.toml").write_text(text)
    return folder


REFERENCES = """
[bus]
url = { secret = "bus#url" }
[services.shop]
database = { secret = "db/shop#url" }
"""


def test_values_are_those_of_the_store(tmp_path: Path) -> None:
    folder = project(tmp_path, REFERENCES)
    store = open_secret_store(load(folder, environ={}, secrets=without_secrets))
    store.write("bus", {"url": "amqp://me:hunter2@h/"})
    store.write("db/shop", {"url": "postgresql://me:hunter2@h/d"})
    found = load(folder, environ={})
    assert found.bus.url == "amqp://me:hunter2@h/"
    assert found.services["shop"].database == "postgresql://me:hunter2@h/d"
    assert found.references == {"bus.url": "bus#url", "services.shop.database": "db/shop#url"}
    assert "hunter2" not in repr(found)


def test_each_secret_is_read_once_and_none_without_references(tmp_path: Path) -> None:
    asked: list[set[str]] = []

    def read(settings: Settings, names: Iterable[str]) -> Mapping[str, SecretVersion]:
        asked.append(set(names))
        return {"bus": SecretVersion(1, {"url": "amqp://h/"})}

    assert load(project(tmp_path, REFERENCES), environ={}, secrets=read).bus.url == "amqp://h/"
    load(project(tmp_path, ""), environ={}, secrets=read)
    environ = {"NEUROVA_BUS_URL": "amqp://other/"}
    found = load(project(tmp_path, REFERENCES), environ=environ, secrets=read)
    assert found.bus.url == "amqp://other/"
    assert asked == [{"bus", "db/shop"}, {"db/shop"}]


def test_all_missing_secrets_are_named_with_line_and_command(tmp_path: Path) -> None:
    with pytest.raises(StateError) as caught:
        load(project(tmp_path, REFERENCES), environ={})
    assert str(caught.value).splitlines() == [
        "neurova.toml:3: bus.url: secret bus#url is not set: run `neurova secrets set bus#url`",
        "neurova.toml:5: services.shop.database: secret db/shop#url is not set: run "
        "`neurova secrets set db/shop#url`",
    ]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (
            '[bus]\nurl = { secret = "bus" }',
            "neurova.toml:2: bus.url 'bus' is not a secret reference",
        ),
        ('[gateway]\nport = { secret = "a#b" }', "gateway.port cannot be a secret"),
        ('[secrets]\ntoken = { secret = "a#b" }', "secrets.token cannot be a secret"),
        (
            '[secrets]\nurl = "https://h"\n[bus]\nurl = { secret = "a#b" }',
            'secrets.token is missing, auth = "token" needs it',
        ),
        ('[secrets]\nurl = "vault.example"', "secrets.url is not the address of Vault"),
        (
            '[bus]\nurl = "amqp://me:hunter2@h/"',
            "bus.url looks like a secret: neurova.toml is copied and committed, run `neurova "
            'secrets set bus#url` with a new value and write url = { secret = "bus#url" }',
        ),
        ('[secrets]\ntoken = "hunter2"', 'write token = { env = "VAULT_TOKEN" }'),
    ],
)
def test_wrong_reference_names_the_fix(tmp_path: Path, text: str, error: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(project(tmp_path, text), environ={})
    assert error in str(caught.value)
