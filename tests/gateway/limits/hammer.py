"""Call one table as fast as a process can; a test runs and kills this program.

    hammer.py TABLE LOG START EDGES KEY

Writes each call to LOG as it is decided: time under the table's lock, admitted or not.
"""

import os
import struct
import sys
import time
from pathlib import Path

from neurova_gateway.limits.base import Bucket
from neurova_gateway.limits.table import LimitTable

SECOND = 1_000_000_000
CALL = struct.Struct("<q?")


class Stamp:
    """The machine's clock; keeps the last time, which the table reads under its lock."""

    now = 0

    def __call__(self) -> int:
        self.now = time.monotonic_ns()
        return self.now


def main(path: str, log: str, start: int, edges: int, key: str) -> None:
    stamp = Stamp()
    table = LimitTable(Path(path), clock=stamp)
    buckets = (Bucket("c:acme", 100, 1), Bucket(f"k:{key}", 90, 1))
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for edge in range(edges):
        while time.monotonic_ns() < start + edge * SECOND:
            time.sleep(0.0005)
        print(edge, flush=True)
        for i in range(250):
            decision = table.admit(buckets)
            os.write(out, CALL.pack(stamp.now, decision.admitted))
            if i > 240:  # a burst at full tilt, then a few stragglers
                time.sleep(0.05)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
