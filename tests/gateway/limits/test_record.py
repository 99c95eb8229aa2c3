"""If a process dies between two writes, counts may be too high but never too low."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from tests.gateway.limits.failing_words import FailingWords

from neurova_gateway.limits import index, layout
from neurova_gateway.limits.base import Bucket
from neurova_gateway.limits.layout import (
    AT_LAST,
    AT_SYNC,
    AT_WALL,
    BASE,
    KEY_HIGH,
    MERGE_UNTIL,
    STEADY_UNTIL,
    TOTAL,
    WINDOW,
)  # fmt: skip
from neurova_gateway.limits.record import entry_words
from neurova_gateway.limits.table import LimitTable

S = 1_000_000_000
LIMIT = 90


class DeathError(BaseException):
    """Simulates the death of the process."""


def records(words: memoryview) -> list[int]:
    places = range(layout.segment_start(0), layout.segment_start(1), layout.RECORD_WORDS)
    return [at for at in places if words[at + KEY_HIGH]]


def fill(table: LimitTable, clock: Callable[[], int], bucket: Bucket) -> list[int]:
    """Fill a log to 60 entries, of which some expire soon; return the times of admissions."""
    times = []
    for i in range(60):
        clock.now += S // 200 if i < 30 else S // 50  # type: ignore[attr-defined]
        cost = 5 if i in range(31, 36) else 1  # a lost update of these would show
        assert table.admit((bucket,), cost).admitted
        times += [clock.now] * cost  # type: ignore[attr-defined]
    return times


# The operation during which the process dies.
DEATHS = {
    "merges a full log": S // 100,
    "drops expired entries": S * 7 // 10,
    "finds all expired": 3 * S,
}


@pytest.mark.parametrize("later", DEATHS.values(), ids=DEATHS.keys())
@pytest.mark.parametrize("cost", [1, 7])
def test_death_between_two_writes_never_admits_more(later: int, cost: int, tmp_path: Path, clock):
    bucket, other = Bucket("c:acme", LIMIT, 1), Bucket("k:1", 10**6, 60)
    died = 0
    for writes in range(400):
        path = tmp_path / f"{writes}"
        mortal, survivor = LimitTable(path, clock=clock), LimitTable(path, clock=clock)
        times = fill(mortal, clock, bucket)
        clock.now += later
        mortal.file.words = FailingWords(mortal.file.words, writes, DeathError)
        try:
            assert mortal.admit((bucket, other), cost).admitted
            times += [clock.now] * cost
        except DeathError:
            died += 1
        for _ in range(2 * LIMIT):
            clock.now += S // 100
            if survivor.admit((bucket,)).admitted:
                times.append(clock.now)
            assert_sound(survivor.file.words)
        assert_strict(times)
        clock.now += 2 * S  # excess counts expire after a window
        assert survivor.admit((bucket,), LIMIT).admitted
        mortal.file.words = survivor.file.words
        mortal.close()
        survivor.close()
        if writes > died:
            break
    assert died > 10
    assert writes == died + 1  # no death in the last round


def assert_sound(words: memoryview) -> None:
    for at in records(words):
        log = entry_words(words, at)
        times = [words[place] for place in log]
        ends = [words[at + BASE], *(words[place + TOTAL] for place in log)]
        assert times == sorted(times)
        assert ends == sorted(ends)
        if log:  # until then, other processes skip the log
            assert words[at + STEADY_UNTIL] <= words[at + MERGE_UNTIL]
            assert words[at + STEADY_UNTIL] <= times[0] + words[at + WINDOW]


def assert_strict(times: list[int]) -> None:
    for i, end in enumerate(times):
        assert sum(end - time <= S for time in times[: i + 1]) <= LIMIT


def test_power_loss_is_repaired(opened, clock):
    table = opened()
    bucket = (Bucket("c:acme", 10, 3600),)
    table.admit(bucket, 4)
    clock.now += 1
    table.admit(bucket)
    words = table.file.words
    (at,) = records(words)
    words[entry_words(words, at)[1] + TOTAL] = 1  # this write never reached the disk
    clock.now = 0
    after = opened()
    assert after.admit(bucket).remaining == (5,)
    assert_sound(after.file.words)


def test_death_while_reusing_a_record_loses_no_count(tmp_path: Path, clock, monkeypatch):
    monkeypatch.setattr(index, "MAX_PROBES", 1)
    slots = layout.record_count(0)
    first = index.hash_key("0", 3600)[0] % slots
    short = [n for n in map(str, range(9000)) if index.hash_key(n, 1)[0] % slots == first][:2]
    long, taker, third = Bucket("0", 5, 3600), Bucket(short[0], 5, 1), Bucket(short[1], 5, 1)
    for writes in range(30):
        path = tmp_path / f"{writes}"
        mortal, survivor = LimitTable(path, clock=clock), LimitTable(path, clock=clock)
        survivor.admit((long,))
        clock.now += 3601 * S
        real = mortal.file.words
        mortal.file.words = FailingWords(real, writes, DeathError)
        with suppress(DeathError):
            mortal.admit((taker,))
        mortal.file.words = real
        assert survivor.admit((long,), 5).admitted
        assert survivor.admit((taker,), 4).admitted
        clock.now += 2 * S
        assert survivor.admit((third,), 5).admitted
        assert not survivor.admit((long,)).admitted
        mortal.close()
        survivor.close()


def test_clock_after_power_loss_is_behind_no_entry(opened, clock):
    """After power loss, the header may be older than the records."""
    table = opened()
    bucket = (Bucket("c:acme", 20, 3600),)
    table.admit(bucket)
    header = {at: table.file.words[at] for at in (AT_LAST, AT_SYNC, AT_WALL)}
    for _ in range(2):
        clock.now += 10 * S
        table.admit(bucket)
    for at, word in header.items():
        table.file.words[at] = word
    clock.now = 0
    after = opened()
    assert after.admit(bucket).remaining == (16,)
    assert_sound(after.file.words)
