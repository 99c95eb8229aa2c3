"""The probe, run once for all attacks on it, and what attackers hold."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from neurova_gateway.keys import key as keys
from neurova_gateway.keys.issuer import create
from neurova_platform.testing.platform import TestPlatform

from ..conftest import Door, copy_probe


class Keys(NamedTuple):
    """Keys as a client holds them; only `good` opens every route."""

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
        """The good key with the other environment's prefix, and a checksum that fits."""
        body = self.good[:-6].replace(b"nrv_test_", b"nrv_live_").decode()
        return (body + keys._checksum(body)).encode()

    @property
    def digest(self) -> bytes:
        """What the store holds of the good key."""
        return hashlib.sha256(self.good).hexdigest().encode()

    def basic(self, form: bytes) -> bytes:
        """Return what `Authorization: Basic` would carry."""
        return b"Basic " + base64.b64encode(form % self.good)


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """Open both doors of a probe of the module's own."""
    folder = tmp_path_factory.mktemp("attacked")
    (folder / "databases").mkdir()
    with TestPlatform(
        copy_probe(folder / "project"), folder / "state", folder / "databases"
    ) as running:
        opened = Door(running)
        opened.open()
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def held(door: Door) -> Keys:
    """Make the keys."""
    platform, now = door.platform, time.time()
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
        unknown=keys.generate("test").encode(),
        expired=create(store, "good", "test", every, 1.0, now=now - 9).key.encode(),
        revoked=revoked.key.encode(),
        bound=platform.key("bound", every, cidrs=("10.0.0.0/8",)).encode(),
    )
    return made


def ran(door: Door) -> int:
    """Ask the functions themselves how often one of them ran."""
    octets = door.exchange(b"GET /count HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n")
    count: int = json.loads(octets.partition(b"\r\n\r\n")[2])["count"]
    return count
