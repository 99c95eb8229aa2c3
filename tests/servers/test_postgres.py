"""Tests of the PostgreSQL fixtures that other tests use."""

from __future__ import annotations

import pytest
from tests.servers.postgres import PostgresServer

pytestmark = pytest.mark.server


def test_created_databases_are_empty_and_separate(postgres: PostgresServer) -> None:
    first, second = postgres.create(), postgres.create()
    postgres.run("CREATE TABLE things (id int)", first)
    tables = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'"
    assert postgres.run(tables, first) == [(1,)]
    assert postgres.run(tables, second) == [(0,)]


def test_stopped_server_keeps_its_data(own_postgres: PostgresServer) -> None:
    url = own_postgres.create()
    own_postgres.run("CREATE TABLE things (id int)", url)
    own_postgres.stop()
    with pytest.raises(OSError, match="onnect"):
        own_postgres.run("SELECT 1")
    own_postgres.start()
    assert own_postgres.run("SELECT * FROM things", url) == []
