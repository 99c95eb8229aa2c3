"""Credentials from a real OpenBao are renewed, replaced if lost, and used until they expire."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from secrets import token_hex

import pytest
from tests.servers.bootstrap import bootstrap, create_service_database, postgres_variables
from tests.servers.openbao import OpenBao
from tests.servers.postgres import PostgresServer

from neurova.database.migrations import product
from neurova.database.postgres.credentials import Credential
from neurova.database.postgres.url import PostgresUrl
from neurova.errors import StateError, Unavailable
from neurova.leases.keeper import LeasedCredentials
from neurova.leases.vault import open_credentials
from neurova.secrets.base import SecretsRefused
from neurova.settings.secrets import Secrets

pytestmark = pytest.mark.server

Open = Callable[[str], LeasedCredentials]


class Prepared:
    """The database of a service, and an OpenBao that leases credentials for it."""

    def __init__(self, bao: OpenBao, postgres: PostgresServer, folder: Path, ttl: str) -> None:
        self.bao, self.postgres, self.service = bao, postgres, f"nv_{token_hex(4)}"
        self.dsn = create_service_database(postgres, self.service)
        variables = postgres_variables(postgres, ttl, "60s")
        role, secret_id = bootstrap(bao, folder, self.service, self.service, **variables)
        self.settings = Secrets(url=bao.url, auth="approle", role=role, secret_id=secret_id)
        self.opened: list[LeasedCredentials] = []

    def open(self, path: str = "") -> LeasedCredentials:
        path = path or f"database/creds/{self.service}"
        self.opened.append(open_credentials(self.settings, self.service, path))
        return self.opened[-1]

    def user_exists(self, credential: Credential) -> bool:
        found = f"SELECT count(*) FROM pg_roles WHERE rolname = '{credential.user}'"
        return self.postgres.run(found) == [(1,)]

    def works(self, source: LeasedCredentials) -> bool:
        """Return whether the server accepts the credential."""
        return product(PostgresUrl(self.dsn, source)).startswith("PostgreSQL")

    def clear(self) -> None:
        for source in self.opened:
            source.close()
        self.bao.client().sys.revoke_prefix(f"database/creds/{self.service}")
        self.postgres.run(f"DROP DATABASE {self.service} WITH (FORCE)")
        self.postgres.run(f"DROP ROLE {self.service}")


@pytest.fixture
def prepared(openbao: OpenBao, postgres: PostgresServer, tmp_path: Path) -> Iterator[Prepared]:
    found = Prepared(openbao, postgres, tmp_path, "30s")
    yield found
    found.clear()


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "the condition stayed false"
        time.sleep(0.01)


def test_close_revokes_the_credential(prepared: Prepared) -> None:
    source = prepared.open()
    assert source.valid() is None
    credential = source.fetch()
    assert source.valid() is source.fetch() is credential
    assert credential.password not in repr(credential)
    assert prepared.works(source)
    source.close()
    until(lambda: not prepared.user_exists(credential))


def test_refused_credential_is_replaced(prepared: Prepared) -> None:
    """An operator may revoke all leases of the role."""
    source = prepared.open()
    first = source.fetch()
    prepared.bao.client().sys.revoke_prefix(f"database/creds/{prepared.service}")
    until(lambda: not prepared.user_exists(first))
    assert prepared.works(source)
    assert source.valid() is not first


def test_rotated_static_password_is_read_again(prepared: Prepared) -> None:
    name, admin = f"static_{token_hex(4)}", prepared.bao.client()
    prepared.postgres.run(f"CREATE ROLE {name} LOGIN")
    database = admin.read(f"database/config/{prepared.service}")["data"]
    admin.write(
        f"database/config/{prepared.service}",
        **{key: database["connection_details"][key] for key in ("connection_url", "username")},
        plugin_name="postgresql-database-plugin",
        password=prepared.postgres.url.partition("://")[2].partition("@")[0].partition(":")[2],
        allowed_roles=f"{prepared.service},{name}",
    )
    admin.write(
        f"database/static-roles/{name}",
        db_name=prepared.service,
        username=name,
        rotation_period="1h",
    )
    policy = f'path "database/static-creds/{name}" {{ capabilities = ["read"] }}'
    admin.sys.create_or_update_policy(f"neurova-{prepared.service}", policy)
    source = prepared.open(f"database/static-creds/{name}")
    first = source.fetch()
    assert (first.user, source.ends) == (name, float("inf"))
    assert prepared.works(source)
    admin.write(f"database/rotate-role/{name}")
    assert prepared.works(source)
    assert source.fetch().password != first.password
    admin.delete(f"database/static-roles/{name}")
    prepared.postgres.run(f"DROP ROLE {name}")


def test_errors_name_what_is_missing(prepared: Prepared) -> None:
    other = prepared.open("database/creds/other")
    with pytest.raises(
        SecretsRefused, match="no policy of its token allows it to read database/cred"
    ):
        other.fetch()
    prepared.bao.client().delete(f"database/roles/{prepared.service}")
    with pytest.raises(StateError, match="no such role"):
        prepared.open().fetch()


def test_outage_of_vault(
    own_openbao: OpenBao, postgres: PostgresServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The credential is used until it expires; Vault is retried until it responds."""
    prepared = Prepared(own_openbao, postgres, tmp_path, "4s")
    changes: list[bool] = []
    source = prepared.open()
    source.subscribe(lambda: changes.append(source.valid() is not None))
    first = source.fetch()
    until(lambda: source.ends > time.monotonic() + 3.5)
    own_openbao.kill()
    assert source.valid() is first
    assert prepared.works(source)
    until(lambda: source.valid() is None)
    assert changes[0]
    until(lambda: changes[-1] is False)
    with pytest.raises(Unavailable, match="does not respond"):
        source.fetch()
    own_openbao.start()
    until(lambda: source.valid() is not None)
    assert source.valid() is not first
    assert prepared.works(source)
    logged = [record.getMessage() for record in caplog.records]
    assert any("cannot be renewed, they expire in" in each for each in logged)
    readings = {each.metric: each.value for each in source.readings()}
    assert 0 < readings["lease_remaining_seconds"] <= 4
    assert readings["lease_failures"] > 0
    prepared.clear()


def test_lost_token_is_replaced_by_a_new_login(
    openbao: OpenBao, postgres: PostgresServer, tmp_path: Path
) -> None:
    """Revoking a token also revokes the credentials that were leased with it."""
    prepared = Prepared(openbao, postgres, tmp_path, "4s")
    source = prepared.open()
    first = source.fetch()
    accessors = openbao.client().list("auth/token/accessors")["data"]["keys"]
    for accessor in accessors:
        data = openbao.client().auth.token.lookup_accessor(accessor)["data"]
        if data.get("meta") and f"neurova-{prepared.service}" in data["policies"]:
            openbao.client().auth.token.revoke_accessor(accessor)
    until(lambda: not prepared.user_exists(first))
    until(lambda: source.valid() is not first and source.valid() is not None)
    assert prepared.works(source)
    prepared.clear()
