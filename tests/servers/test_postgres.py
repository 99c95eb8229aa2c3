"""The PostgreSQL that other tests stand on."""

from __future__ import annotations

import pytest
from tests.servers.postgres import PostgresServer

pytestmark = pytest.mark.server


def test_each_database_made_is_empty_and_its_own(postgres: PostgresServer) -> None:
    first, second = postgres.create(), postgres.create()
    postgres.run("CREATE TABLE things (id int)", first)
    tables = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'"
    assert postgres.run(tables, first) == [(1,)]
    assert postgres.run(tables, second) == [(0,)]


def test_a_server_of_ones_own_keeps_what_it_has_over_a_stop(own_postgres: PostgresServer) -> None:
    url = own_postgres.create()
    own_postgres.run("CREATE TABLE things (id int)", url)
    own_postgres.stop()
    with pytest.raises(OSError, match="onnect"):
        own_postgres.run("SELECT 1")
    own_postgres.start()
    assert own_postgres.run("SELECT * FROM things", url) == []
