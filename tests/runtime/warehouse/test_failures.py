"""Failures of the embedded warehouse and their defined outcomes."""

from __future__ import annotations

import asyncio
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.contracts.warehouses import DAY, LIMITS, TABLE, ask, make_sink, sold

from neurova.errors import StateError, Unavailable
from neurova.warehouse.archive import Archive
from neurova.warehouse.base import Limits, QueryRefused, QueryStopped, Result
from neurova.warehouse.duckdb import DuckDBWarehouse
from neurova.warehouse.operations import LocalOperations
from neurova.warehouse.socket import RemoteOperations, is_served, serve
from neurova.warehouse.spool import CALLS, Spool, SpoolFull

SUMS = f"SELECT count(*), sum(total) FROM {TABLE}"


def opened(folder: Path) -> DuckDBWarehouse:
    return DuckDBWarehouse(folder / "warehouse.duckdb", folder / "archive")


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """Limit the size of files that this process can write, like a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


def test_full_disk_changes_nothing_and_the_next_attempt_stores_all(tmp_path: Path) -> None:
    warehouse = opened(tmp_path)
    sink = make_sink(warehouse)
    sink.store(sold(range(10)))
    with full_disk(64 << 10), pytest.raises(StateError):
        sink.store(sold(range(20_000)))
    warehouse.close()
    warehouse = opened(tmp_path)
    assert ask(warehouse, SUMS) == [(10, 45)]
    make_sink(warehouse).store(sold(range(20_000)))
    assert ask(warehouse, SUMS) == [(20_000, sum(range(20_000)))]
    warehouse.close()


def test_full_disk_leaves_no_half_file_in_the_archive(tmp_path: Path) -> None:
    warehouse, archive = opened(tmp_path), Archive(tmp_path / "archive")
    make_sink(warehouse).store(sold(range(5000)))
    with full_disk(4 << 10), pytest.raises(StateError):
        archive.write(warehouse)
    assert archive.parts(TABLE) == {}
    assert archive.write(warehouse) == 1
    warehouse.close()


def test_damaged_file_is_named_with_the_fix(tmp_path: Path) -> None:
    (tmp_path / "warehouse.duckdb").write_bytes(b"junk" * 5000)
    with pytest.raises(StateError, match=r"warehouse\.duckdb: is damaged.*backfill"):
        opened(tmp_path)


def test_full_spool_drops_rows_and_says_so(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", 1000)
    call = (DAY, "", "shop.sell", "POST", 201, 1.25, 10, "web", "key")
    spool.record(CALLS, [call] * 20)
    with pytest.raises(SpoolFull):
        spool.record(CALLS, [call])


async def test_readers_ask_the_writer_through_its_socket(tmp_path: Path) -> None:
    """The socket's path may be longer than a socket address allows."""
    folder = tmp_path / ("long" * 30)
    warehouse = opened(folder)
    make_sink(warehouse).store(sold(range(10)))
    policy = make_sink(warehouse).policy
    operations = LocalOperations(warehouse, Archive(folder / "archive"), lambda: policy, LIMITS)
    remote, path = RemoteOperations(folder / "socket", 20), folder / "socket"
    assert not is_served(path)
    with pytest.raises(Unavailable):
        remote.tables()
    async with serve(path, operations):
        assert path.stat().st_mode & 0o777 == 0o600
        assert is_served(path)
        found = await asyncio.to_thread(remote.query, SUMS, {}, 10)
        assert found == Result(("count_star()", "sum(total)"), [[10, 45]])
        (table,) = await asyncio.to_thread(remote.tables)
        assert (table.table.name, table.rows, table.days) == (TABLE, 10, 1)
        with pytest.raises(QueryRefused, match="DROP"):
            await asyncio.to_thread(remote.query, "DROP TABLE x", {}, 10)
        assert await asyncio.to_thread(remote.archive) == 1
        assert await asyncio.to_thread(remote.verify) == operations.verify()
        file = tmp_path / "out.parquet"
        await asyncio.to_thread(remote.export, f"SELECT * FROM {TABLE}", {}, file)
        assert file.read_bytes()[:4] == b"PAR1"
    assert not path.exists()
    operations.close()


def test_memory_cap_stops_a_query(tmp_path: Path) -> None:
    warehouse = DuckDBWarehouse(tmp_path / "w.duckdb", tmp_path / "archive", 128 << 20)
    make_sink(warehouse).store(sold(range(10)))
    sql = "SELECT count(DISTINCT x) FROM (SELECT list(i) AS x FROM range(30000000) AS r(i))"
    with pytest.raises(QueryStopped):
        warehouse.query(sql, {}, Limits(60))
    assert ask(warehouse, SUMS) == [(10, 45)]
    warehouse.close()
