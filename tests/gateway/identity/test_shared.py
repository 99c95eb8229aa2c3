"""A Kong plugin server and a runtime on different machines share signing keys through OpenBao."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import httpx
import pytest
from tests.servers.bootstrap import bootstrap
from tests.servers.openbao import OpenBao

from neurova.errors import ConfigError
from neurova.http.caller import Caller
from neurova.secrets.base import UnknownSecret
from neurova_gateway.identity.shared import open_identity_keys
from neurova_gateway.identity.signing_keys import IdentityKeys
from neurova_gateway.pipeline.identity import HEADER, Identity
from neurova_gateway.plugins.stores import BOUND, StoreOpener
from neurova_platform.composition.identity import rotate_identity
from neurova_platform.composition.platform import Platform
from neurova_platform.settings.loading import load

pytestmark = pytest.mark.server

NAME = "neurova/identity#keys"
WRITER = Caller("acme", "k1", frozenset(["probe:write"]), "test")
SETTINGS = f"""
[gateway]
behind = "kong"
identity = "{NAME}"

[secrets]
url = "{{url}}"
token = {{{{env = "ROOT_TOKEN"}}}}
"""


async def test_change_of_the_key_refuses_no_call(
    openbao: OpenBao, probe_project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROOT_TOKEN", openbao.token)
    (probe_project / "neurova.toml").write_text(SETTINGS.format(url=openbao.url))
    settings = load(probe_project)
    role, secret_id = bootstrap(openbao, tmp_path / "login", "kong", "--kong")
    variables = {"URL": openbao.url, "AUTH": "approle", "ROLE": role, "SECRET_ID": secret_id}
    for name, value in variables.items():
        monkeypatch.setenv(f"NEUROVA_SECRETS_{name}", value)
    with pytest.raises(UnknownSecret):
        open_identity_keys(NAME)
    first = rotate_identity(settings, time.time())
    config = StoreOpener().bind({"state": str(tmp_path / "kong"), "identity_secret": NAME})
    (tmp_path / "kong").mkdir()
    find = config[BOUND]().identity
    for name in variables:
        monkeypatch.delenv(f"NEUROVA_SECRETS_{name}")
    platform = Platform(settings, environment="test")

    async def status(keys: IdentityKeys) -> int:
        signer = Identity(lambda: keys, "test")
        value = signer.sign("POST", b"/echo", WRITER, time.time())
        transport = httpx.ASGITransport(platform.asgi)
        async with httpx.AsyncClient(transport=transport, base_url="http://probe") as client:
            answer = await client.post("/echo", json={"text": "x"}, headers={HEADER: value})
        return answer.status_code

    await platform.start()
    try:
        assert find() == first
        assert await status(find()) == 200
        changed = rotate_identity(settings, time.time())
        async with asyncio.timeout(60):
            while find() != changed or await status(IdentityKeys(changed.key)) != 200:
                assert await status(find()) == 200
        assert await status(first) == 200
        assert await status(IdentityKeys(b"o" * 32)) == 401
    finally:
        await platform.stop()


def test_plugin_server_needs_the_address_of_vault() -> None:
    with pytest.raises(ConfigError, match="needs the address of Vault"):
        open_identity_keys(NAME)
