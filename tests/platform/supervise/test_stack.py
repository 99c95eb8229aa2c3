"""From what faulthandler writes, the line is named that holds the loop."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from neurova_platform.supervise.stack import at_fault, culprit

DUMP = """Thread 0x00007f0000000001 (most recent call first):
  File "/usr/lib/python3.11/threading.py", line 324 in wait
  File "/project/functions/hello/thread.py", line 3 in background

Thread 0x00007f0000000002 [main] (most recent call first):
  File "/usr/lib/python3.11/time.py", line 1 in sleep
  File "/project/functions/hello/hello.py", line 12 in hello
  File "/site/neurova/invoke.py", line 99 in __call__
"""


def test_the_innermost_line_of_our_own_code_is_named() -> None:
    frame = culprit(DUMP, [Path("/project/functions")])
    assert str(frame) == "/project/functions/hello/hello.py:12 (hello)"


def test_of_one_that_crashed_the_thread_that_did_is_looked_at() -> None:
    crashed = DUMP.replace("Thread", "Current thread", 1)
    frame = culprit("Fatal Python error: Aborted\n\n" + crashed, [Path("/project/functions")])
    assert str(frame) == "/project/functions/hello/thread.py:3 (background)"


def test_where_none_of_it_is_there_the_innermost_of_all_is_named() -> None:
    frame = culprit(DUMP, [Path("/elsewhere")])
    assert frame is not None
    assert (frame.file, frame.line) == ("/usr/lib/python3.11/time.py", 1)


def test_nothing_is_named_when_nothing_was_written() -> None:
    assert culprit("", [Path("/")]) is None
    assert culprit("Thread 0x1 (most recent call first):\n  <no Python frame>\n", []) is None


SEVERAL = """
import faulthandler, sys, threading
def hangs():
    faulthandler.dump_traceback(sys.stdout, all_threads=True)
done = threading.Event()
others = [threading.Thread(target=done.wait) for _ in range(int(sys.argv[1]))]
for other in others:
    other.start()
hangs()
done.set()
"""


@pytest.mark.parametrize(("others", "named"), [(1, ["hangs", "<module>"]), (110, [])])
def test_the_main_thread_is_found_among_others(others: int, named: list[str]) -> None:
    """As this very Python writes it: no more than a hundred threads, the main one as the last."""
    command = [sys.executable, "-c", SEVERAL, str(others)]
    dump = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert [frame.name for frame in at_fault(dump)] == named
