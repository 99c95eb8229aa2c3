"""One probe shared by all attack tests of a module, and the attackers' API keys."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import AsyncIterator
from typing import NamedTuple

import pytest
import pytest_asyncio

from neurova_gateway.keys import key as api_key
from neurova_gateway.keys.issuer import create

from ..conftest import HttpServer, copy_probe, http_server


class Keys(NamedTuple):
    """API keys of clients; only `good` has the scopes for every route."""

    good: bytes
    low: bytes
    other: bytes
    live: bytes
    unknown: bytes
    expired: bytes
    revoked: bytes
    bound: bytes

    @property
    def elsewhere(self) -> bytes:
        """Return the good key with the prefix of the live environment and a valid checksum."""
        body = self.good[:-6].replace(b"nrv_test_", b"nrv_live_").decode()
        return (body + api_key._checksum(body)).encode()

    @property
    def digest(self) -> bytes:
        """Return the digest of the good key, as the key store holds it."""
        return hashlib.sha256(self.good).hexdigest().encode()

    def basic(self, form: bytes) -> bytes:
        """Return the good key as a value for `Authorization: Basic`."""
        return b"Basic " + base64.b64encode(form % self.good)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[HttpServer]:
    """Run a probe for the whole module."""
    folder = tmp_path_factory.mktemp("attacked")
    async with http_server(copy_probe(folder / "project"), folder / "state") as opened:
        yield opened


@pytest.fixture(scope="module")
def keys(server: HttpServer) -> Keys:
    """Create the keys."""
    platform, now = server.platform, time.time()
    store = platform.store
    every = ["probe:write", "probe:secret"]
    revoked = create(store, "gone", "test", every)
    store.revoke(revoked.record.key_id, now - 1)
    made = Keys(
        good=platform.key("good", every).encode(),
        low=platform.key("low").encode(),
        other=platform.key(
            "other", ["probe", "probe:writ", "probe:writer", "probe:secret"]
        ).encode(),
        live=create(store, "good", "live", every).key.encode(),
        unknown=api_key.generate("test").encode(),
        expired=create(store, "good", "test", every, 1.0, now=now - 9).key.encode(),
        revoked=revoked.key.encode(),
        bound=platform.key("bound", every, cidrs=("10.0.0.0/8",)).encode(),
    )
    return made


async def count(server: HttpServer) -> int:
    """Return how many calls of the probe's functions ran."""
    response = await server.send(b"GET /count HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n")
    return int(json.loads(response.partition(b"\r\n\r\n")[2])["count"])
