import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from neurova.errors import StateError, Unavailable
from neurova_gateway.keys import issuer
from neurova_gateway.keys.key import digest
from neurova_gateway.keys.sqlite import SqliteKeyStore


def test_the_file_and_its_side_files_are_the_owner_s_alone(path: Path, store: SqliteKeyStore):
    issuer.create(store, "acme", "test")
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in path.parent.iterdir()}
    assert modes == {"keys.db": 0o600, "keys.db-wal": 0o600, "keys.db-shm": 0o600}


def test_a_dump_holds_no_usable_key(path: Path, store: SqliteKeyStore):
    made = issuer.create(store, "acme", "test").key
    dump = "\n".join(store._reader.iterdump())
    assert "acme" in dump
    secret = made.removeprefix("nrv_test_")
    files = b"".join(p.read_bytes() for p in path.parent.iterdir())
    for part in (secret, secret[:12], secret[-12:]):
        assert part not in dump
        assert part.encode() not in files


def test_keys_are_there_after_a_restart(path: Path):
    before = SqliteKeyStore(path)
    _, record = issuer.create(before, "acme", "test")
    before.close()
    after = SqliteKeyStore(path)
    assert after.records() == [record]
    after.close()


def test_a_newer_file_is_refused_with_the_fix_and_left_as_it_is(path: Path, store: SqliteKeyStore):
    store._writer.execute("PRAGMA user_version = 2")
    with pytest.raises(StateError, match=r"written by a newer NEUROVA \(layout 2.*upgrade"):
        SqliteKeyStore(path)
    assert store._writer.execute("PRAGMA user_version").fetchone() == (2,)


def test_what_is_no_database_is_refused_with_the_fix(path: Path):
    path.write_bytes(b"a letter to a friend " * 100)
    with pytest.raises(StateError, match="not a database: put a backup in its place"):
        SqliteKeyStore(path)


def test_a_missing_folder_is_named(tmp_path: Path):
    with pytest.raises(StateError, match="no such folder: create it"):
        SqliteKeyStore(tmp_path / "nowhere" / "keys.db")


def test_a_folder_in_the_file_s_place_is_named(tmp_path: Path):
    with pytest.raises(StateError, match="see that it is a file this user may write"):
        SqliteKeyStore(tmp_path)


def test_a_replaced_file_is_an_outage_not_an_old_truth(path: Path, store: SqliteKeyStore):
    path.rename(path.with_name("old.db"))
    SqliteKeyStore(path).close()
    for use in (store.version, store.records, lambda: store.revoke("key_a", 1.0)):
        with pytest.raises(Unavailable, match="start NEUROVA again"):
            use()


def test_a_locked_file_is_unavailable_to_writers_and_read_all_the_same(
    path: Path, store: SqliteKeyStore
):
    _, record = issuer.create(store, "acme", "test")
    store._writer.execute("PRAGMA busy_timeout = 0")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="does not answer: database is locked"):
        store.revoke(record.key_id, 1.0)
    assert store.find(record.digest) == record
    other.close()
    assert store.revoke(record.key_id, 1.0)


def test_a_file_damaged_behind_its_header_is_refused_with_the_fix(path: Path):
    SqliteKeyStore(path).close()
    data = path.read_bytes()
    path.write_bytes(data[:100] + b"\xff" * (len(data) - 100))
    with pytest.raises(StateError, match="malformed: put a backup in its place"):
        SqliteKeyStore(path)


def test_a_full_disk_is_named_and_when_there_is_room_again_it_writes(
    path: Path, store: SqliteKeyStore
):
    pages = store._writer.execute("PRAGMA page_count").fetchone()[0]
    store._writer.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(Unavailable, match="disk is full"):  # noqa: PT012 - one of them is too many
        while True:
            issuer.create(store, "acme", "test", name="x" * 100)
    store._writer.execute(f"PRAGMA max_page_count = {pages * 100}")
    made = issuer.create(store, "acme", "test").key
    assert store.find(digest(made)) is not None


def test_a_closed_store_is_unavailable(path: Path):
    store = SqliteKeyStore(path)
    store.close()
    with pytest.raises(Unavailable):
        store.records()


@pytest.mark.server
def test_processes_that_start_together_on_no_file_all_open_it(tmp_path: Path):
    program = "import sys; from pathlib import Path; sys.stdin.read(1); " + (
        "from neurova_gateway.keys.sqlite import SqliteKeyStore; "
        "[SqliteKeyStore(Path(p)) for p in sys.argv[1:]]"
    )
    paths = [str(tmp_path / f"{i}.db") for i in range(25)]
    processes = [
        subprocess.Popen([sys.executable, "-c", program, *paths], stdin=subprocess.PIPE)
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()
    assert [process.wait(timeout=60) for process in processes] == [0] * 4
