"""The report finds the blocking line in faulthandler's output."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from neurova_platform.supervise.report import faulty_thread, find_faulty_frame

DUMP = """Thread 0x00007f0000000001 (most recent call first):
  File "/usr/lib/python3.11/threading.py", line 324 in wait
  File "/project/functions/hello/thread.py", line 3 in background

Thread 0x00007f0000000002 [main] (most recent call first):
  File "/usr/lib/python3.11/time.py", line 1 in sleep
  File "/project/functions/hello/hello.py", line 12 in hello
  File "/site/neurova/invoke.py", line 99 in __call__
"""
CRASH = "Fatal Python error: Aborted\n\n" + DUMP.replace("Thread", "Current thread", 1)


@pytest.mark.parametrize(
    ("dump", "folder", "found"),
    [
        (DUMP, "/project/functions", "/project/functions/hello/hello.py:12 (hello)"),
        (CRASH, "/project/functions", "/project/functions/hello/thread.py:3 (background)"),
        (DUMP, "/elsewhere", "/usr/lib/python3.11/time.py:1 (sleep)"),
        ("", "/", "None"),
        ("Thread 0x1 (most recent call first):\n  <no Python frame>\n", "/", "None"),
    ],
    ids=["blocked", "crashed", "other code", "no dump", "no frame"],
)
def test_faulty_line_is_found(dump: str, folder: str, found: str) -> None:
    assert str(find_faulty_frame(dump, [Path(folder)])) == found


SEVERAL_THREADS = """
import faulthandler, sys, threading
def hang():
    faulthandler.dump_traceback(sys.stdout, all_threads=True)
done = threading.Event()
others = [threading.Thread(target=done.wait) for _ in range(int(sys.argv[1]))]
for other in others:
    other.start()
hang()
done.set()
"""


@pytest.mark.parametrize(("others", "names"), [(1, ["hang", "<module>"]), (110, [])])
def test_main_thread_is_found_in_a_real_dump(others: int, names: list[str]) -> None:
    """faulthandler prints at most 100 threads, the main thread last."""
    command = [sys.executable, "-c", SEVERAL_THREADS, str(others)]
    dump = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert [frame.name for frame in faulty_thread(dump)] == names
