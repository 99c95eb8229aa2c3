"""The contract of the warehouse, on every backend."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from tests.contracts.warehouses import (
    BACKENDS,
    DAY,
    PARAMETERS,
    TABLE,
    Everything,
    Narrowed,
    Widened,
    ask,
    make_sink,
    message,
    sold,
)

from neurova.errors import StateError
from neurova.warehouse.archive import Archive
from neurova.warehouse.base import Limits, QueryRefused, QueryStopped, Warehouse
from neurova.warehouse.operations import LocalOperations
from neurova.warehouse.spool import CALLS, Spool

SUMS = f"SELECT count(*), sum(total) FROM {TABLE}"


@pytest.fixture(params=PARAMETERS)
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Warehouse]:
    opened = BACKENDS[request.param](tmp_path, request)
    yield opened
    opened.close()


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "archive")


def operations(warehouse: Warehouse, archive: Archive) -> LocalOperations:
    policy = make_sink(warehouse).policy
    return LocalOperations(warehouse, archive, lambda: policy, Limits(20))


def test_event_counts_once_however_often_it_arrives(warehouse: Warehouse) -> None:
    sink = make_sink(warehouse)
    assert sink.store(sold(range(100))) == []
    sink.store(sold([*range(50, 150), *range(50)]))
    make_sink(warehouse).store(sold(range(150)))  # another process, after a crash
    assert ask(warehouse, SUMS) == [(150, sum(range(150)))]


def test_values_of_each_type_arrive_unchanged(warehouse: Warehouse) -> None:
    at = datetime(2026, 2, 3, 4, 5, 6, 789, tzinfo=UTC)
    event = Everything(True, 1.5, Decimal("12.34"), at, date(1999, 12, 31), None, ["a"], b"\x00")
    assert make_sink(warehouse).store([message("x", event, name="shop.Everything")]) == []
    (row,) = ask(
        warehouse, "SELECT flag, ratio, price, moment, day, maybe, tags, raw FROM shop_Everything"
    )
    assert row[3].replace(tzinfo=UTC) == at
    assert row[:3] + row[4:] == (
        True, 1.5, Decimal("12.34"), date(1999, 12, 31), None, '["a"]', "AA==",
    )  # fmt: skip


def test_added_field_becomes_a_column_and_removed_one_stays(warehouse: Warehouse) -> None:
    sink = make_sink(warehouse)
    sink.store(sold([1]))
    sink.store([message("new", Widened("tea", 2.5))])
    sink.store([message("less", Narrowed("7"))])
    rows = ask(warehouse, f"SELECT _id, item, currency FROM {TABLE} ORDER BY _id")
    assert rows == [("e1", "item1", None), ("less", None, None), ("new", "tea", "EUR")]


def test_changed_type_is_read_as_one_column(warehouse: Warehouse) -> None:
    """A column that widens stays numeric; text in a numeric column is returned as text."""
    sink = make_sink(warehouse)
    sink.store(sold([1]))
    sink.store([message("new", Widened("tea", 2.5))])
    assert ask(warehouse, f"SELECT total FROM {TABLE} ORDER BY _id") == [(1.0,), (2.5,)]
    sink.store([message("text", Narrowed("7 EUR"))])
    assert ask(warehouse, f"SELECT total FROM {TABLE} WHERE _id = 'text'") == [("7 EUR",)]
    kinds = {each.name: each.kind for each in warehouse.tables()[0].columns}
    assert (kinds["total"], kinds["total__double"]) == ("long", "double")
    assert kinds["total__text"] == "text"


def test_undecodable_event_is_returned_and_others_are_stored(warehouse: Warehouse) -> None:
    good, bad = sold([1, 2])
    bad = bad.__class__(bad.id, bad.event, bad.body[:-1], bad.time)
    junk = bad.__class__("junk", bad.event, b"junk", bad.time)
    failed = make_sink(warehouse).store([good, bad, junk])
    assert {each.id for each, _ in failed} == {bad.id, "junk"}
    assert ask(warehouse, SUMS) == [(1, 1)]


def test_late_event_is_archived_with_its_day(warehouse: Warehouse, archive: Archive) -> None:
    sink = make_sink(warehouse)
    sink.store(sold([1], DAY))
    assert archive.write(warehouse) == 1
    sink.store(sold([2], DAY + 86_400) + sold([3], DAY))
    assert archive.write(warehouse) == 2  # one file per day
    assert archive.write(warehouse) == 0
    parts = archive.parts(TABLE)
    assert {day: len(files) for day, files in parts.items()} == {
        date(2026, 3, 1): 2,
        date(2026, 3, 2): 1,
    }
    assert [each.fault for each in archive.verify(warehouse)] == ["", ""]


def test_backfill_restores_what_is_missing(
    warehouse: Warehouse, archive: Archive, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    sink = make_sink(warehouse)
    sink.store(sold(range(40)) + sold(range(40, 60), DAY - 86_400))
    archive.write(warehouse)
    backend = request.node.callspec.params["warehouse"]
    other = BACKENDS[backend](tmp_path / "other", request)
    try:
        if backend == "duckdb":  # DuckDB reads files from its own archive only
            copy = tmp_path / "other" / "archive"
            shutil.copytree(tmp_path / "archive", copy, dirs_exist_ok=True)
            archive = Archive(copy)
        make_sink(other).store(sold(range(10)))
        missing = [each for each in archive.verify(other) if each.fault]
        assert len(missing) == 2
        assert archive.backfill(other) == {TABLE: 50}
        assert archive.backfill(other) == {TABLE: 0}
        assert ask(other, SUMS) == ask(warehouse, SUMS)
    finally:
        other.close()


def test_corrupt_part_is_named_and_changes_nothing(warehouse: Warehouse, archive: Archive) -> None:
    make_sink(warehouse).store(sold(range(10)))
    archive.write(warehouse)
    ((part,),) = archive.parts(TABLE).values()
    part.write_bytes(part.read_bytes()[:-20])
    (verdict,) = archive.verify(warehouse)
    assert str(part) in verdict.fault
    with pytest.raises(StateError, match="not a complete Parquet file"):
        archive.backfill(warehouse)
    assert ask(warehouse, SUMS) == [(10, 45)]


def test_forgotten_person_is_in_no_table_and_no_file(
    warehouse: Warehouse, archive: Archive, tmp_path: Path
) -> None:
    sink = make_sink(warehouse)
    sink.store(sold(range(5), customer="ada@x.org") + sold(range(5, 9), customer="bob@x.org"))
    archive.write(warehouse)
    secret, before = sink.policy.hash("ada@x.org"), ask(warehouse, SUMS)
    assert ask(warehouse, f"SELECT count(*) FROM {TABLE} WHERE customer = $c", c=secret) == [(5,)]
    assert operations(warehouse, archive).forget(["ada@x.org"]) == {TABLE: 1}
    assert ask(warehouse, f"SELECT count(*) FROM {TABLE} WHERE customer = $c", c=secret) == [(0,)]
    assert ask(warehouse, f"SELECT count(customer) FROM {TABLE}") == [(4,)]
    assert ask(warehouse, SUMS) == before
    assert [each.fault for each in archive.verify(warehouse)] == [""]
    sink.store(sold(range(5), customer="ada@x.org"))  # a duplicate that arrives later
    assert ask(warehouse, f"SELECT count(customer) FROM {TABLE}") == [(4,)]
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    for path in files:
        assert secret.encode() not in path.read_bytes(), path
        assert b"ada@x.org" not in path.read_bytes(), path


def test_dropped_personal_value_has_no_column(warehouse: Warehouse) -> None:
    make_sink(warehouse, "drop").store(sold([1], customer="ada@x.org"))
    assert [each.name for each in warehouse.tables()[0].columns] == ["item", "total"]


REFUSED = [
    f"INSERT INTO nv_{TABLE} (_id) VALUES ('x')",
    f"DELETE FROM nv_{TABLE}",
    f"DROP TABLE nv_{TABLE}",
    "CREATE TABLE other (a INTEGER)",
    "SELECT 1; DROP VIEW shop_Sold",
    "ATTACH '/tmp/other.db' AS other",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM file('/etc/passwd', 'LineAsString')",
    "SELECT * FROM url('http://127.0.0.1/', 'CSV', 'a String')",
    "SELECT * FROM (SELECT * FROM glob('/etc/*')) AS a",
    f"SELECT * FROM {TABLE} INTO OUTFILE '/tmp/stolen'",
    f"COPY {TABLE} TO '/tmp/stolen'",
    "SET memory_limit = '1TB'",
    "INSTALL httpfs",
    "SELECT * FROM unknown_table",
    f"SELECT unknown FROM {TABLE}",
    "not a statement",
    "",
]


@pytest.mark.parametrize("sql", REFUSED)
def test_statement_that_does_not_only_read_tables_is_refused(
    warehouse: Warehouse, sql: str
) -> None:
    make_sink(warehouse).store(sold([1]))
    with pytest.raises(QueryRefused):
        ask(warehouse, sql)
    assert ask(warehouse, SUMS) == [(1, 1)]


def test_query_is_stopped_after_its_time(warehouse: Warehouse) -> None:
    make_sink(warehouse).store(sold(range(2000)))
    crossed = ", ".join(f"{TABLE} AS t{number}" for number in range(5))
    slow = f"SELECT sum(t0.total * t1.total + t2.total + t3.total + t4.total) FROM {crossed}"
    with pytest.raises(QueryStopped, match=r"more than 0\.5 s"):
        warehouse.query(slow, {}, Limits(seconds=0.5))
    assert ask(warehouse, SUMS)


def test_rows_of_an_answer_are_limited(warehouse: Warehouse) -> None:
    make_sink(warehouse).store(sold(range(100)))
    found = warehouse.query(f"SELECT * FROM {TABLE}", {}, Limits(rows=7))
    assert (len(found.rows), found.is_complete) == (7, False)


def test_answer_is_exported_as_parquet(warehouse: Warehouse, tmp_path: Path) -> None:
    import pyarrow.parquet

    make_sink(warehouse).store(sold(range(10)))
    file = tmp_path / "answer.parquet"
    sql = f"SELECT item, total FROM {TABLE} WHERE total > $least ORDER BY total"
    warehouse.export(sql, {"least": 7}, Limits(20), file)
    found = pyarrow.parquet.read_table(file).to_pydict()
    assert found["total"] == [8, 9]


def test_spooled_rows_count_once_and_a_cut_line_is_skipped(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    spool = Spool(tmp_path / "spool", 1 << 20)
    call = (DAY, "ab" * 16, "shop.sell", "POST", 201, 1.25, 10, "web", "key")
    spool.record(CALLS, [call] * 3)
    (file,) = spool.seal()
    kept = file.read_bytes()
    file.write_bytes(kept + kept[:20])
    sink = make_sink(warehouse)
    assert sink.drain(spool) == 3
    file.write_bytes(kept)  # the process was killed before it deleted the file
    sink.drain(spool)
    sql = "SELECT count(*), sum(ms), min(consumer) FROM calls"
    assert ask(warehouse, sql) == [(3, 3.75, "web")]
    assert spool.seal() == []
