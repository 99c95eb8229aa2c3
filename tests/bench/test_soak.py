"""Samples are grouped by minute, and the load calls every function."""

from __future__ import annotations

import os
import subprocess
import sys

from bench.cpu import resource_usage
from bench.soak import request_mix


def test_load_calls_every_function_and_some_wrongly() -> None:
    calls = list(request_mix((("X-API-Key", "k"),)))
    assert {call.path.split("/")[1].split("?")[0] for call in calls} >= {
        "bookings", "availability", "rooms", "quote", "nothing",
    }  # fmt: skip
    assert any(call.fields and call.fields[0][1] != "k" for call in calls)


def test_resource_usage_includes_children() -> None:
    alone = resource_usage(os.getpid())
    code = "import time; held = bytearray(b'x' * (40 << 20)); print(flush=True); time.sleep(60)"
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None
        child.stdout.readline()
        together = resource_usage(os.getpid())
    finally:
        child.kill()
        child.wait()
        child.stdout.close()  # type: ignore[union-attr]
    assert together[0] > alone[0] + (35 << 20)
    assert together[1] >= alone[1] + 3
    assert together[2] == alone[2] + 1
