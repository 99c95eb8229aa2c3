"""The file of the embedded key store."""

import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from neurova.errors import StateError, Unavailable
from neurova_gateway.keys import issuer, sqlite
from neurova_gateway.keys.base import KeyRecord
from neurova_gateway.keys.key import digest
from neurova_gateway.keys.sqlite import SqliteKeyStore

# The schema of NEUROVA 0.1.0.
FIRST_LAYOUT = """
CREATE TABLE consumers (consumer TEXT PRIMARY KEY, limits TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE keys (
    key_id TEXT NOT NULL UNIQUE, digest BLOB NOT NULL UNIQUE, consumer TEXT NOT NULL,
    environment TEXT NOT NULL, scopes TEXT NOT NULL, created_at REAL NOT NULL, expires_at REAL,
    revoked_at REAL, last_used_at REAL, limits TEXT NOT NULL, quota INTEGER NOT NULL,
    cidrs TEXT NOT NULL, name TEXT NOT NULL
) STRICT;
CREATE INDEX keys_of_consumer ON keys (consumer);
CREATE TABLE changes (number INTEGER NOT NULL) STRICT;
INSERT INTO changes VALUES (4);
INSERT INTO consumers VALUES ('acme', '9/second');
INSERT INTO keys VALUES ('key_a', x'61', 'acme', 'live', '["a:b"]', 1.5, NULL, NULL, NULL, '', 7,
                         '["10.0.0.0/8"]', 'till');
PRAGMA user_version = 1;
"""


def test_only_the_owner_may_read_the_files(path: Path, store: SqliteKeyStore) -> None:
    issuer.create(store, "acme", "test")
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in path.parent.iterdir()}
    assert modes == {"keys.db": 0o600, "keys.db-wal": 0o600, "keys.db-shm": 0o600}


def test_file_of_the_first_release_is_read_and_written(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.executescript(FIRST_LAYOUT)
    connection.close()
    store = SqliteKeyStore(path)
    record = KeyRecord(
        "key_a", "acme", "live", frozenset({"a:b"}), 1.5, b"a",
        quota=7, cidrs=("10.0.0.0/8",), name="till", consumer_limits="9/second",
    )  # fmt: skip
    assert store.records() == [record]
    assert store.version() == 4
    made = issuer.create(store, "acme", "live").key
    store.close()
    again = SqliteKeyStore(path)
    assert again.find(digest(made)) is not None
    assert again.version() == 5
    again.close()


def test_newer_file_is_refused_and_unchanged(path: Path) -> None:
    SqliteKeyStore(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 9")
    with pytest.raises(StateError, match=r"written by a newer NEUROVA \(layout 9.*upgrade"):
        SqliteKeyStore(path)
    assert connection.execute("PRAGMA user_version").fetchone() == (9,)
    connection.close()


def test_unusable_file_is_refused(path: Path) -> None:
    SqliteKeyStore(path).close()
    data = path.read_bytes()
    damaged, letter = path.with_name("damaged.db"), path.with_name("letter.db")
    damaged.write_bytes(data[:100] + b"\xff" * (len(data) - 100))
    letter.write_bytes(b"a letter to a friend " * 100)
    for unusable, message in (
        (letter, "not a database: restore a backup"),
        (damaged, "malformed: restore a backup"),
        (path.parent / "nowhere" / "keys.db", "no such folder: create it"),
        (path.parent, "check that this user may write the file"),
    ):
        with pytest.raises(StateError, match=message):
            SqliteKeyStore(unusable)


def test_replaced_file_is_an_outage(path: Path, store: SqliteKeyStore) -> None:
    path.rename(path.with_name("old.db"))
    SqliteKeyStore(path).close()
    for use in (store.version, store.records, lambda: store.revoke("key_a", 1.0)):
        with pytest.raises(Unavailable, match="restart NEUROVA"):
            use()


def test_locked_file_blocks_writers_only(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "WAIT_SECONDS", 0.01)
    store = SqliteKeyStore(path)
    _, record = issuer.create(store, "acme", "test")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="does not answer: database is locked"):
        store.revoke(record.key_id, 1.0)
    assert store.find(record.digest) == record
    other.close()
    assert store.revoke(record.key_id, 1.0)
    store.close()


def test_full_disk_is_an_outage_until_there_is_space(store: SqliteKeyStore) -> None:
    def limit_pages(factor: int) -> None:
        ((pages,),) = store._read("PRAGMA page_count")
        store._write((f"PRAGMA max_page_count = {pages * factor}", ()))

    limit_pages(1)
    with pytest.raises(Unavailable, match="disk is full"):  # noqa: PT012 - one of them is too many
        while True:
            issuer.create(store, "acme", "test", name="x" * 100)
    limit_pages(100)
    made = issuer.create(store, "acme", "test").key
    assert store.find(digest(made)) is not None


@pytest.mark.server
def test_processes_that_start_together_all_open_it(tmp_path: Path) -> None:
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
