"""A killed server keeps its data and stays sealed after a restart until it is unsealed."""

from __future__ import annotations

import hvac
import pytest
from tests.servers.openbao import OpenBao

pytestmark = pytest.mark.server


def test_secret_survives_a_kill_and_a_seal(own_openbao: OpenBao) -> None:
    def read() -> object:
        kv = own_openbao.client().secrets.kv.v2
        return kv.read_secret_version("a", raise_on_deleted_version=True)["data"]["data"]

    own_openbao.client().secrets.kv.v2.create_or_update_secret("a", {"b": "c"})
    own_openbao.kill()
    own_openbao.start()
    assert read() == {"b": "c"}
    own_openbao.seal()
    with pytest.raises(hvac.exceptions.VaultDown):
        read()
    own_openbao.unseal()
    assert read() == {"b": "c"}
