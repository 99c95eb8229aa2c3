"""SIGINT in processes of their own; the journey of `dev` is in tests/journeys/test_dev.py."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from neurova_platform.serving import interrupt

PATIENCE = 20.0

PROGRAM = """
import asyncio, os, signal, sys
from neurova_platform.serving import interrupt

def press():
    os.kill(os.getpid(), signal.SIGINT)

def stubborn():
    try:
        press()
    except BaseException:
        print("lost", end="")

async def main():
    interrupt.cancels(asyncio.current_task())
    try:
        {serves}
    finally:
        print("let go", end="")

interrupt.take()
{begins}
try:
    asyncio.run(main())
except asyncio.CancelledError:
    print(", cancelled", end="")
{ends}
print(", ended", end="", flush=True)
"""
WAIT = "await asyncio.sleep(600)"


def result(serves: str = "pass", begins: str = "", ends: str = "", ignoring: bool = False) -> str:
    """Return what such a process has said when it ended with 0."""
    program = PROGRAM.format(serves=serves, begins=begins, ends=ends)
    if ignoring:
        program = f"import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n{program}"
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=PATIENCE
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout


@pytest.mark.parametrize(
    "where", [{"begins": "stubborn()"}, {"serves": f"stubborn(); {WAIT}"}], ids=["imports", "loads"]
)
def test_a_start_that_computes_is_left_at_once(where: dict[str, str]) -> None:
    assert result(**where) == ""


def test_a_start_that_waits_is_cancelled() -> None:
    waits = f"asyncio.get_running_loop().call_later(0, press); {WAIT}"
    assert result(waits) == "let go, cancelled, ended"


def test_what_has_started_is_cancelled_even_where_it_computes() -> None:
    assert result(f"interrupt.started(); stubborn(); {WAIT}") == "let go, cancelled, ended"


def test_what_has_ended_is_left_at_once() -> None:
    ended = "sys.stdout.flush(); stubborn()"
    assert result("interrupt.started()", ends=ended) == "let go"


def test_a_process_that_ignores_it_goes_on_to() -> None:
    assert result(begins="stubborn()", ignoring=True) == "let go, ended"


def test_another_handler_stays() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        interrupt.take()
        assert signal.getsignal(signal.SIGINT) == signal.SIG_DFL
    finally:
        signal.signal(signal.SIGINT, before)
