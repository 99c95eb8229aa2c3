"""A soak's samples are of its minutes, and its calls are of many kinds."""

from __future__ import annotations

import os
import subprocess
import sys

from bench.cpu import held
from bench.soak import Sample, median, minute, mix


def test_a_minute_has_its_own_samples() -> None:
    samples = [Sample(float(at), at, 1, 1) for at in range(0, 600, 10)]
    assert [sample.at for sample in minute(samples, 2)] == [60, 70, 80, 90, 100, 110]
    assert median(minute(samples, 10), "memory") == 565


def test_every_function_is_called_and_some_calls_are_wrong() -> None:
    calls = list(mix((("X-API-Key", "k"),)))
    assert {call.path.split("/")[1].split("?")[0] for call in calls} >= {
        "bookings", "availability", "rooms", "quote", "nothing",
    }  # fmt: skip
    assert any(call.fields and call.fields[0][1] != "k" for call in calls)


def test_what_is_held_is_that_of_the_whole_tree() -> None:
    alone = held(os.getpid())
    code = "import time; held = bytearray(b'x' * (40 << 20)); print(flush=True); time.sleep(60)"
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None
        child.stdout.readline()
        together = held(os.getpid())
    finally:
        child.kill()
        child.wait()
        child.stdout.close()  # type: ignore[union-attr]
    assert together[0] > alone[0] + (35 << 20)
    assert together[1] >= alone[1] + 3
    assert together[2] == alone[2] + 1
