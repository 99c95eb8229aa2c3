"""Call one limiter as fast as a process can; a test runs and kills this program.

hammer.py TABLE-OR-URL LOG START EDGES KEY

After each decision it appends the limiter's time and whether the call was admitted to LOG.
"""

import os
import struct
import sys
import tempfile
import time
from pathlib import Path

from neurova_gateway.limits.base import Bucket, Limiter
from neurova_gateway.limits.redis.url import parse_url
from neurova_gateway.limits.table import LimitTable

SECOND = 1_000_000_000
CALL = struct.Struct("<q?")


class Stamp:
    """The machine's clock; `now` keeps its last reading, which the table takes under its lock."""

    now = 0

    def __call__(self) -> int:
        self.now = time.monotonic_ns()
        return self.now


def open_limiter(target: str, stamp: Stamp) -> Limiter:
    if "://" not in target:
        return LimitTable(Path(target), clock=stamp)
    from neurova_gateway.limits.redis.limiter import RedisLimiter

    folder = Path(tempfile.mkdtemp(prefix="node-", dir=Path(sys.argv[2]).parent))
    return RedisLimiter(parse_url(target), folder, clock=lambda: stamp() // 1000, timeout=5.0)


def main(path: str, log: str, start: int, edges: int, key: str) -> None:
    stamp = Stamp()
    limiter = open_limiter(path, stamp)
    buckets = (Bucket("c:acme", 100, 1, "acme"), Bucket(f"k:{key}", 90, 1, "acme"))
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for edge in range(edges):
        while time.monotonic_ns() < start + edge * SECOND:
            time.sleep(0.0005)
        print(edge, flush=True)
        for i in range(250):
            decision = limiter.admit(buckets)
            os.write(out, CALL.pack(stamp.now, decision.admitted))
            if i > 240:  # spread the last calls of each burst
                time.sleep(0.05)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
