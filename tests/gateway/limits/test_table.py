import gc
import signal
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from tests.gateway.limits.failing_words import FailingWords

from neurova.errors import StateError, Unavailable
from neurova_gateway.limits import layout, table_file
from neurova_gateway.limits import table as table_module
from neurova_gateway.limits.base import Bucket
from neurova_gateway.limits.table import LimitTable
from neurova_gateway.plugins.watchdog import PhaseTimeout

S = 1_000_000_000
Opened = Callable[[], LimitTable]


def fill(table: LimitTable, also: tuple[Bucket, ...] = ()) -> int:
    """Call from new addresses until the table is full; return how many were admitted."""
    admitted = 0
    try:
        while admitted < 3000:
            admitted += table.admit((Bucket(f"ip:{admitted}", 1, 3600), *also)).admitted
    except Unavailable:
        pass
    return admitted


def test_bucket_named_twice_is_charged_once(opened: Opened, clock):
    twice = (Bucket("c:acme", 100, 1), Bucket("c:acme", 80, 1))
    tables = (opened(), opened())
    assert sum(table.admit(twice).admitted for _ in range(100) for table in tables) == 80
    twice = (Bucket("c:full", 1000, 1), Bucket("c:full", 900, 1))
    for _ in range(300):
        clock.now += 1
        tables[0].admit(twice)
    assert tables[0].admit((twice[0],)).remaining == (699,)


def test_tables_on_one_private_file_share_counts(path: Path, opened: Opened):
    one, other = opened(), opened()
    bucket = (Bucket("c:acme", 10, 60),)
    assert [t.admit(bucket).admitted for t in (one, other) * 6] == [True] * 10 + [False] * 2
    assert path.stat().st_mode & 0o777 == 0o600


def test_clock_that_steps_back_admits_nothing(table: LimitTable, clock):
    bucket = (Bucket("c:acme", 5, 60),)
    for _ in range(5):
        assert table.admit(bucket).admitted
    clock.now -= 500 * S
    assert not table.admit(bucket).admitted
    clock.now += 500 * S
    assert not table.admit(bucket).admitted


def test_clock_that_steps_back_expires_nothing_early(table: LimitTable, clock):
    bucket = (Bucket("c:acme", 5, 1),)
    clock.now += S
    table.admit(bucket, 4)
    clock.now -= S * 9 // 10
    table.admit(bucket)
    clock.now += S + 1
    assert not table.admit(bucket).admitted


def test_counts_survive_restart_of_process_and_machine(opened: Opened, clock, wall):
    bucket = (Bucket("c:acme", 5, 3600),)
    before = opened()
    before.admit(bucket, 5)
    before.close()
    assert not opened().admit(bucket).admitted
    clock.now = 3 * S  # the monotonic clock restarted
    wall.now += 3500 * S
    after = opened()
    assert not after.admit(bucket).admitted
    clock.now += 101 * S
    assert after.admit(bucket).admitted


def test_wall_clock_set_back_during_restart_frees_nothing(opened: Opened, clock, wall):
    bucket = (Bucket("c:acme", 5, 3600),)
    opened().admit(bucket, 5)
    clock.now = 3 * S
    wall.now -= 10_000 * S
    after = opened()
    clock.now += 3600 * S
    assert not after.admit(bucket).admitted
    clock.now += 1
    assert after.admit(bucket).admitted


def test_wall_clock_corrected_while_running_frees_nothing(opened: Opened, clock, wall):
    bucket = (Bucket("c:acme", 5, 3600),)
    table = opened()
    table.admit(bucket)
    wall.now += 30 * 365 * 86_400 * S  # a machine without a clock battery starts in 1970
    clock.now += 2 * S
    table.admit(bucket, 4)
    clock.now = 3 * S
    assert not opened().admit(bucket).admitted


def test_full_table_grows_and_keeps_counts(opened: Opened):
    one, other = opened(), opened()
    buckets = [(Bucket(f"ip:{i}", 1, 3600),) for i in range(3000)]
    assert all(one.admit(bucket).admitted for bucket in buckets)
    assert not any(other.admit(bucket).admitted for bucket in buckets)
    assert not any(one.admit(bucket).admitted for bucket in buckets)


def test_expired_records_are_reused(opened: Opened, clock, path: Path):
    table = opened()
    size = path.stat().st_size
    for i in range(20_000):
        clock.now += S // 100  # at most 200 buckets are live at once
        assert table.admit((Bucket(f"ip:{i}", 1, 2),)).admitted
    assert path.stat().st_size == size


def test_reused_record_is_forgotten_by_other_tables(opened: Opened, clock):
    one, other = opened(), opened()
    buckets = [(Bucket(f"ip:{i}", 1, 2),) for i in range(900)]
    for bucket in buckets:
        one.admit(bucket)
    clock.now += 3 * S
    for i in range(900):
        other.admit((Bucket(f"user:{i}", 1, 2),))
    assert all(one.admit(bucket).admitted for bucket in buckets)
    assert not any(other.admit((Bucket(f"user:{i}", 1, 2),)).admitted for i in range(900))


def test_buckets_of_one_call_never_share_a_record(table: LimitTable, clock, monkeypatch):
    """An existing bucket has an empty log; a new bucket must not take over its record."""
    monkeypatch.setattr(table_module, "CACHE_SIZE", 0)
    names = [f"b{i}" for i in range(300)]
    for name in names:
        table.admit((Bucket(name, 5, 1),))
    for i, name in enumerate(names):
        clock.now += 2 * S
        pair = (Bucket(name, 1, 1), Bucket(f"new{i}", 1, 1))
        assert table.admit(pair).admitted
        assert not table.admit(pair[:1]).admitted
        assert not table.admit(pair[1:]).admitted


def fill_disk(*_: int) -> None:
    raise OSError(28, "No space left on device")


def test_full_disk_refuses_only_new_buckets(opened: Opened, path: Path, monkeypatch):
    table = opened()
    known = (Bucket("known", 10**6, 3600),)
    table.admit(known)
    with monkeypatch.context() as patch:
        patch.setattr(table_file.os, "posix_fallocate", fill_disk)
        admitted = fill(table, known)
        with pytest.raises(Unavailable, match="free disk space"):
            table.admit((Bucket(f"ip:{admitted}", 1, 3600), *known))
        assert table.admit(known).remaining == (10**6 - 2 - admitted,)
        with pytest.raises(StateError, match="No space left on device: free disk space"):
            LimitTable(path.with_name("new.table"))
    assert table.admit((Bucket(f"ip:{admitted}", 1, 3600),)).admitted
    with pytest.raises(StateError, match="no such folder: create it"):
        LimitTable(path.parent / "nowhere" / "limits.table")


def test_table_of_largest_size_refuses_new_buckets(opened: Opened, monkeypatch):
    monkeypatch.setattr(layout, "MAX_SEGMENTS", 1)
    table = opened()
    admitted = fill(table)
    with pytest.raises(Unavailable, match="is full"):
        table.admit((Bucket(f"ip:{admitted}", 1, 3600),))


@pytest.mark.parametrize("words", [0, 1, 2])
def test_incomplete_new_file_is_initialized_again(path: Path, opened: Opened, words: int):
    opened().close()
    # A new file is written back to front: segments, version, and the magic word last.
    none = layout.WORD * (3 - words)
    path.write_bytes(bytes(none) + path.read_bytes()[none : layout.WORD * 3] + bytes(4096))
    assert opened().admit((Bucket("c:acme", 1, 60),)).admitted


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: b"something else" * 100, "is not a table of rate limits"),
        (lambda data: data[:8] + (3).to_bytes(8, "little") + data[16:], "has layout 3"),
        (lambda data: data[: 1 << 16], "was truncated"),
    ],
)
def test_unusable_file_is_refused(
    path: Path, opened: Opened, damage: Callable[[bytes], bytes], message: str
):
    opened().close()
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(StateError, match=f"{message}.*delete it"):
        LimitTable(path)


@pytest.mark.parametrize("at", ["lock taken", "clock", "find", "first write", "last write"])
def test_exception_in_admit_releases_the_lock(opened: Opened, clock, monkeypatch, at: str):
    """The plugin watchdog may raise at any point of a plugin, including `admit`."""
    monkeypatch.setattr(table_file, "LOCK_SECONDS", 0.0)
    interrupted, other = opened(), opened()
    bucket = (Bucket("c:acme", 10, 60),)
    interrupted.admit(bucket)
    clock.now += 1
    with monkeypatch.context() as patch:
        if at == "lock taken":
            patch.setattr(table_module, "flock", raising(table_module.flock, after=True))
        elif at == "clock":
            patch.setattr(interrupted, "_clock", raising(clock))
        elif at == "find":
            interrupted = opened()
            patch.setattr(
                table_module.index, "find_record", raising(table_module.index.find_record)
            )
        else:
            writes = 0 if at == "first write" else 5
            words = FailingWords(interrupted.file.words, writes, PhaseTimeout)
            patch.setattr(interrupted.file, "words", words)
        with pytest.raises(PhaseTimeout):
            interrupted.admit(bucket)
    assert 0 <= 8 - other.admit(bucket).remaining[0] <= 1
    assert interrupted.admit(bucket).admitted


def raising(function: Callable[..., object], *, after: bool = False) -> Callable[..., object]:
    def interrupted(*arguments: object) -> object:
        if after:
            function(*arguments)
        raise PhaseTimeout

    return interrupted


def test_signals_in_admit_never_admit_more(opened: Opened, clock, monkeypatch):
    monkeypatch.setattr(table_file, "LOCK_SECONDS", 0.0)
    interrupted, other = opened(), opened()
    buckets, probe = (Bucket("c:acme", 700, 1), Bucket("k:1", 900, 1)), (Bucket("p", 10**9, 60),)
    random, interruptions, taken = Random(1), 0, list[int]()

    def raise_(*_: object) -> None:
        raise PhaseTimeout

    def admit_each_millisecond(calls: int) -> None:
        for _ in range(calls):
            clock.now += S // 1000
            if interrupted.admit(buckets).admitted:
                taken.append(clock.now)

    before = signal.signal(signal.SIGALRM, raise_)
    gc.disable()  # an exception in a collector callback is lost
    try:
        for _ in range(300):
            try:
                signal.setitimer(signal.ITIMER_REAL, random.uniform(0.000_02, 0.000_2))
                admit_each_millisecond(50)
                signal.setitimer(signal.ITIMER_REAL, 0)
            except PhaseTimeout:
                interruptions += 1
            assert other.admit(probe).admitted
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        gc.enable()
    admit_each_millisecond(2500)
    assert interruptions
    assert len(taken) > 1400  # an interrupted call may be charged
    for first, last in zip(taken, taken[700:], strict=False):
        assert last - first > S


def test_calls_after_a_failed_wait_for_the_lock_do_not_wait(opened: Opened, monkeypatch):
    """Waiting blocks the event loop, so a stopped process may cause only one wait."""
    stopped, table = opened(), opened()
    waits: list[float] = []
    monkeypatch.setattr(table_file, "LOCK_SECONDS", 0.01)
    monkeypatch.setattr(table_file.time, "sleep", waits.append)
    bucket = (Bucket("c:acme", 9, 60),)
    for _ in range(2):
        stopped.file.lock()  # like a process that was stopped while it held the lock
        for is_first in (True, False, False):
            waits.clear()
            with pytest.raises(Unavailable, match="holds the lock and does not release it"):
                table.admit(bucket)
            assert any(waits) == is_first
        stopped.file.unlock()
        assert table.admit(bucket).admitted
