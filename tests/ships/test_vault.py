"""infra/vault/bootstrap.sh prepares an empty OpenBao, and its policies deny everything else."""

from __future__ import annotations

from pathlib import Path

import hvac
import pytest
from hvac.exceptions import Forbidden
from tests.servers.bootstrap import bootstrap, create_service_database, postgres_variables
from tests.servers.openbao import OpenBao
from tests.servers.postgres import PostgresServer

pytestmark = pytest.mark.server

ALLOWED = {
    "runtime": ["secret/data/neurova/identity", "secret/data/nvb", "secret/data/nvb/stripe"],
    "kong": ["secret/data/neurova/identity"],
}
DENIED = {
    "runtime": [
        "database/creds/nvc",
        "database/roles/nvb",
        "database/config/nvb",
        "secret/data/nvc",
        "secret/metadata/nvb",
        "sys/mounts",
        "sys/policies/acl/neurova-nvb",
        "auth/approle/role/nvb",
    ],
    "kong": ["secret/data/neurova/admin", "secret/data/nvb", "database/creds/nvb"],
}


def logged_in(server: OpenBao, login: tuple[str, str]) -> hvac.Client:
    client = server.client("")
    client.auth.approle.login(*login)
    return client


def test_policies_allow_what_a_role_needs_and_deny_the_rest(
    openbao: OpenBao, postgres: PostgresServer, tmp_path: Path
) -> None:
    variables = postgres_variables(postgres, "1h", "24h")
    for service in ("nvb", "nvc"):
        create_service_database(postgres, service)
    runtime = logged_in(openbao, bootstrap(openbao, tmp_path / "b", "nvb", "nvb", **variables))
    again = bootstrap(openbao, tmp_path / "b", "nvb", "nvb", **variables)
    bootstrap(openbao, tmp_path / "c", "nvc", "nvc", **variables)
    kong = logged_in(openbao, bootstrap(openbao, tmp_path / "k", "kong", "--kong"))
    for path in sorted({path for paths in ALLOWED.values() for path in paths}):
        openbao.client().write_data(path, data={"data": {"key": "value"}})
    for client, name in (
        (runtime, "runtime"),
        (logged_in(openbao, again), "runtime"),
        (kong, "kong"),
    ):
        for path in ALLOWED[name]:
            assert client.read(path)["data"]["data"] == {"key": "value"}
            with pytest.raises(Forbidden):
                client.write_data(path, data={"data": {"key": "other"}})
        for path in DENIED[name]:
            with pytest.raises(Forbidden):
                client.read(path)
    leased = runtime.read("database/creds/nvb")
    assert leased["data"]["username"].startswith("v-approle-nvb-")
    assert runtime.sys.renew_lease(leased["lease_id"])["lease_duration"] == 3600
    for client in (runtime, kong):
        client.auth.token.revoke_self()
    for service in ("nvb", "nvc"):
        postgres.run(f"DROP DATABASE {service} WITH (FORCE)")
        postgres.run(f"DROP ROLE {service}")
