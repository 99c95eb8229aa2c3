"""SIGINT during a start, in separate processes; tests/journeys/test_dev.py has the journey."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from neurova_platform.serving import interrupt

PROGRAM = """
import asyncio, os, signal, sys
{first}
from neurova_platform.serving import interrupt

def press():
    os.kill(os.getpid(), signal.SIGINT)

def press_and_catch():
    try:
        press()
    except BaseException:
        print("caught", end="")

async def main():
    interrupt.cancel_on_interrupt(asyncio.current_task())
    try:
        {serve}
    finally:
        print("cleaned up", end="")

interrupt.install()
{load}
try:
    asyncio.run(main())
except asyncio.CancelledError:
    print(", cancelled", end="")
{exit}
print(", ended", end="", flush=True)
"""
WAIT = "await asyncio.sleep(600)"
PRESS = "press_and_catch()"


@pytest.mark.parametrize(
    ("steps", "printed"),
    [
        ({"load": PRESS}, ""),
        ({"serve": f"{PRESS}; {WAIT}"}, ""),
        (
            {"serve": f"asyncio.get_running_loop().call_later(0, press); {WAIT}"},
            "cleaned up, cancelled, ended",
        ),
        (
            {"serve": f"interrupt.mark_started(); {PRESS}; {WAIT}"},
            "cleaned up, cancelled, ended",
        ),
        (
            {"serve": "interrupt.mark_started()", "exit": f"sys.stdout.flush(); {PRESS}"},
            "cleaned up",
        ),
        (
            {"first": "signal.signal(signal.SIGINT, signal.SIG_IGN)", "load": PRESS},
            "cleaned up, ended",
        ),
    ],
    ids=[
        "importing exits",
        "computing start exits",
        "waiting start cleans up",
        "started platform cleans up",
        "finished platform exits",
        "ignored signal stays ignored",
    ],
)
def test_ctrl_c(steps: dict[str, str], printed: str) -> None:
    program = PROGRAM.format(**{"first": "", "load": "", "serve": "pass", "exit": ""} | steps)
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=20
    )
    assert (ran.returncode, ran.stderr, ran.stdout) == (0, "", printed)


def test_other_handlers_are_kept() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        interrupt.install()
        assert signal.getsignal(signal.SIGINT) == signal.SIG_DFL
    finally:
        signal.signal(signal.SIGINT, before)
