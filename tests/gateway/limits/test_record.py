"""A process may die between any two writes: what it leaves counts too much, never too little."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from neurova_gateway.limits import index, layout
from neurova_gateway.limits.base import Bucket
from neurova_gateway.limits.layout import (
    AT_LAST,
    AT_MARK,
    AT_WALL,
    BASE,
    END,
    KEY_HIGH,
    STEADY,
    UNTIL,
    WINDOW,
)
from neurova_gateway.limits.record import places
from neurova_gateway.limits.table import LimitTable

S = 1_000_000_000
LIMIT = 90


class DeathError(BaseException):
    """The process is gone."""


class MortalWords:
    """The table's words, in a process that dies instead of making its nth write."""

    def __init__(self, words: memoryview, writes: int) -> None:
        self.words, self.writes = words, writes

    def __getitem__(self, at: int) -> int:
        return self.words[at]

    def __setitem__(self, at: int, word: int) -> None:
        if not self.writes:
            raise DeathError
        self.writes -= 1
        self.words[at] = word


def records(words: memoryview) -> list[int]:
    places = range(layout.start(0), layout.start(1), layout.RECORD_WORDS)
    return [at for at in places if words[at + KEY_HIGH]]


def fill(table: LimitTable, clock: Callable[[], int], bucket: Bucket) -> list[int]:
    """Fill a log to its 60 entries, some of them about to leave; return the admissions' times."""
    times = []
    for i in range(60):
        clock.now += S // 200 if i < 30 else S // 50  # type: ignore[attr-defined]
        cost = 5 if i in range(31, 36) else 1  # what must not be overwritten unsaved
        assert table.admit((bucket,), cost).admitted
        times += [clock.now] * cost  # type: ignore[attr-defined]
    return times


# What the dying process does: join a full log, let entries leave, add to the newest, take a record.
DEATHS = {
    "joins a full log": S // 100,
    "lets entries leave": S * 7 // 10,
    "finds all has left": 3 * S,
}


@pytest.mark.parametrize("later", DEATHS.values(), ids=DEATHS.keys())
@pytest.mark.parametrize("cost", [1, 7])
def test_death_between_any_two_writes_never_admits_more(
    later: int, cost: int, tmp_path: Path, clock
):
    bucket, other = Bucket("c:acme", LIMIT, 1), Bucket("k:1", 10**6, 60)
    died = 0
    for writes in range(400):
        path = tmp_path / f"{writes}"
        mortal, survivor = LimitTable(path, clock=clock), LimitTable(path, clock=clock)
        times = fill(mortal, clock, bucket)
        clock.now += later
        mortal._file.words = MortalWords(mortal._file.words, writes)
        try:
            assert mortal.admit((bucket, other), cost).admitted
            times += [clock.now] * cost
        except DeathError:
            died += 1
        for _ in range(2 * LIMIT):
            clock.now += S // 100
            if survivor.admit((bucket,)).admitted:
                times.append(clock.now)
            assert_sound(survivor._file.words)
        assert_strict(times)
        clock.now += 2 * S  # whatever was counted too much is gone a window later
        assert survivor.admit((bucket,), LIMIT).admitted
        mortal._file.words = survivor._file.words
        mortal.close()
        survivor.close()
        if writes > died:
            break
    assert died > 10
    assert writes == died + 1  # the last ones lived


def assert_sound(words: memoryview) -> None:
    for at in records(words):
        log = places(words, at)
        times = [words[place] for place in log]
        ends = [words[at + BASE], *(words[place + END] for place in log)]
        assert times == sorted(times)
        assert ends == sorted(ends)
        if log:  # what others do without looking until then
            assert words[at + STEADY] <= words[at + UNTIL]
            assert words[at + STEADY] <= times[0] + words[at + WINDOW]


def assert_strict(times: list[int]) -> None:
    for i, end in enumerate(times):
        assert sum(end - time <= S for time in times[: i + 1]) <= LIMIT


def test_a_machine_that_lost_power_has_its_ends_put_in_order(opened, clock):
    table = opened()
    bucket = (Bucket("c:acme", 10, 3600),)
    table.admit(bucket, 4)
    clock.now += 1
    table.admit(bucket)
    words = table._file.words
    (at,) = records(words)
    words[places(words, at)[1] + END] = 1  # it never reached the disk
    clock.now = 0
    after = opened()
    assert after.admit(bucket).remaining == (5,)
    assert_sound(after._file.words)


def test_death_while_a_record_changes_hands_lets_neither_key_lose_its_count(
    tmp_path: Path, clock, monkeypatch
):
    monkeypatch.setattr(index, "PROBES", 1)
    slots = layout.slots(0)
    first = index.key("0", 3600)[0] % slots
    short = [n for n in map(str, range(9000)) if index.key(n, 1)[0] % slots == first][:2]
    long, taker, third = Bucket("0", 5, 3600), Bucket(short[0], 5, 1), Bucket(short[1], 5, 1)
    for writes in range(30):
        path = tmp_path / f"{writes}"
        mortal, survivor = LimitTable(path, clock=clock), LimitTable(path, clock=clock)
        survivor.admit((long,))
        clock.now += 3601 * S
        real, mortal._file.words = mortal._file.words, MortalWords(mortal._file.words, writes)
        with suppress(DeathError):
            mortal.admit((taker,))
        mortal._file.words = real
        assert survivor.admit((long,), 5).admitted
        assert survivor.admit((taker,), 4).admitted
        clock.now += 2 * S
        assert survivor.admit((third,), 5).admitted
        assert not survivor.admit((long,)).admitted
        mortal.close()
        survivor.close()


def test_after_a_power_cut_the_clock_is_behind_no_entry(opened, clock):
    """The header may reach the disk as it was before the records."""
    table = opened()
    bucket = (Bucket("c:acme", 20, 3600),)
    table.admit(bucket)
    header = {at: table._file.words[at] for at in (AT_LAST, AT_MARK, AT_WALL)}
    for _ in range(2):
        clock.now += 10 * S
        table.admit(bucket)
    for at, word in header.items():
        table._file.words[at] = word
    clock.now = 0
    after = opened()
    assert after.admit(bucket).remaining == (16,)
    assert_sound(after._file.words)
