"""An open load: send requests at given times, even if earlier requests have no answer yet.

`send` starts the sending process, `python -m bench.openloop`, on one core and reads its result.
Latency is measured from the time at which a request was due, so it includes queueing in the client.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

MAX_CONNECTIONS = 4_000  # if all are busy, count a request as unanswered
WRONG_BODY = -1
TIMEOUT = 10.0  # seconds to wait for answers after the last request
ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Answer:
    """The response to one request: `due` (seconds from the start), status and latency.

    `status` is 0 without a response, WRONG_BODY for a 200 with an unexpected body.
    """

    due: float
    status: int
    seconds: float


def poisson_times(rate: float, seconds: float, seed: int) -> list[float]:
    """Return the times of independent arrivals, `rate` per second, up to `seconds`."""
    chance = random.Random(seed)
    gaps = (chance.expovariate(rate) for _ in range(int(rate * seconds)))
    return [due for due in accumulate(gaps) if due < seconds]


class Connection(asyncio.Protocol):
    """Send one request at a time and record the answer."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.transport: asyncio.Transport | None = None
        self.due = -1.0  # the time at which the request in flight was due
        self.data = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # TCP
        """Send the first request."""
        self.transport = transport
        transport.write(self.load.request)

    def send(self, due: float) -> None:
        """Send the request that is due."""
        self.due, self.data = due, b""
        if self.transport is not None:
            self.transport.write(self.load.request)

    def data_received(self, data: bytes) -> None:
        """Record the answer once it is complete."""
        self.data = data = self.data + data if self.data else data
        head = data.find(b"\r\n\r\n")
        if head < 0:
            return
        at = data.find(b"content-length: ", 0, head + 2)
        length = int(data[at + 16 : data.index(b"\r\n", at)]) if at >= 0 else 0
        if len(data) >= head + 4 + length:
            due, self.due, self.data = self.due, -1.0, b""
            status = int(data[9:12])
            is_correct = status != 200 or self.load.answer in data
            self.load.record(due, status if is_correct else WRONG_BODY)
            self.load.idle.append(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Record a request without an answer."""
        self.load.connections -= 1
        if self.due >= 0:
            self.load.record(self.due, 0)
        elif self in self.load.idle:
            self.load.idle.remove(self)


class Load:
    """Send requests at their times over keep-alive connections; open another if all are busy."""

    def __init__(
        self, port: int, request: bytes, times: Sequence[float], answer: bytes = b""
    ) -> None:
        self.port = port
        self.request = request
        self.answer = answer
        self.times = times
        self.idle: deque[Connection] = deque()
        self.connections = 0
        self.answers: list[Answer] = []
        self.answered, self.finished = asyncio.Event(), asyncio.Event()
        self.start = 0.0
        self._openings: set[asyncio.Task[None]] = set()

    async def hold(self, connections: int, seconds: float) -> list[Answer]:
        """Keep some connections busy: each sends again after its answer."""
        self.start = time.monotonic()
        for _ in range(connections):
            self._send(0.0)
        while (now := time.monotonic() - self.start) < seconds:
            while self.idle:
                self.idle.popleft().send(now)
            self.answered.clear()
            await self.answered.wait()
        return self.answers

    async def run(self) -> list[Answer]:
        """Send all requests and return their answers."""
        self.start = time.monotonic() + 0.05
        for due in self.times:
            wait = self.start + due - time.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            self._send(due)
        with suppress(TimeoutError):
            await asyncio.wait_for(self.finished.wait(), TIMEOUT)
        return self.answers

    def record(self, due: float, status: int) -> None:
        """Record the answer of the request that was due at `due`."""
        self.answers.append(Answer(due, status, time.monotonic() - self.start - due))
        self.answered.set()
        if len(self.answers) == len(self.times):
            self.finished.set()

    def _send(self, due: float) -> None:
        if self.idle:
            self.idle.popleft().send(due)
        elif self.connections >= MAX_CONNECTIONS:
            self.record(due, 0)
        else:
            self.connections += 1
            opening = asyncio.ensure_future(self._open(due))
            self._openings.add(opening)
            opening.add_done_callback(self._openings.discard)

    async def _open(self, due: float) -> None:
        connection = Connection(self)
        connection.due = due
        try:
            loop = asyncio.get_running_loop()
            await loop.create_connection(lambda: connection, "127.0.0.1", self.port)
        except OSError:
            self.connections -= 1
            self.record(due, 0)


@dataclass(frozen=True)
class LoadResult:
    """The answers of an open load."""

    answers: Sequence[Answer]

    def between(self, first: float, last: float) -> LoadResult:
        """Return the answers of requests due from `first` to `last` (seconds from the start)."""
        return LoadResult([answer for answer in self.answers if first <= answer.due < last])

    def count(self, status: int) -> int:
        """Return the number of answers with `status`; 0 counts requests without an answer."""
        return sum(answer.status == status for answer in self.answers)

    def statuses(self) -> dict[int, int]:
        """Return the number of answers by status."""
        return {status: self.count(status) for status in sorted({a.status for a in self.answers})}

    def percentile(self, hundredth: int, status: int = 200) -> float:
        """Return a percentile of the latency of answers with `status`, in seconds."""
        latencies = [answer.seconds for answer in self.answers if answer.status == status]
        if len(latencies) < 2:
            return latencies[0] if latencies else float("nan")
        return statistics.quantiles(latencies, n=100, method="inclusive")[hundredth - 1]

    def recovery_time(self, stop: float, within: float) -> float:
        """Return the seconds after `stop` until all requests are again served `within` seconds.

        Returns infinity if even the last request was not served in time.
        """
        late = [
            answer.due
            for answer in self.answers
            if answer.due >= stop and (answer.status != 200 or answer.seconds > within)
        ]
        if not late:
            return 0.0
        after = [answer.due for answer in self.answers if answer.due > max(late)]
        return min(after) - stop if after else float("inf")


def send(
    port: int,
    request: bytes,
    times: Sequence[float],
    core: int | None = None,
    *,
    answer: bytes = b"",
) -> LoadResult:
    """Send a request at each of `times` (seconds, ascending) from a separate process.

    Each 200 must contain `answer`.
    """
    return _run(port, request, answer, core, times=list(times))


def hold(
    port: int,
    request: bytes,
    connections: int,
    seconds: float,
    core: int | None = None,
    *,
    answer: bytes = b"",
) -> LoadResult:
    """Keep some connections busy from a separate process."""
    return _run(port, request, answer, core, times=[], held=[connections, seconds])


def _run(port: int, request: bytes, answer: bytes, core: int | None, **plan: Any) -> LoadResult:
    plan |= {"port": port, "core": core}
    plan |= {"request": request.decode("latin-1"), "answer": answer.decode("latin-1")}
    done = subprocess.run(
        [sys.executable, "-m", "bench.openloop"],
        input=json.dumps(plan),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        cwd=ROOT,
    )
    return LoadResult([Answer(*row) for row in json.loads(done.stdout)])


def main() -> None:
    """Read a plan from standard input, send, and write the answers to standard output."""
    import uvloop

    plan = json.load(sys.stdin)
    if plan["core"] is not None:
        os.sched_setaffinity(0, {plan["core"]})
    request, answer = (plan[name].encode("latin-1") for name in ("request", "answer"))
    load = Load(plan["port"], request, plan["times"], answer)
    answers = uvloop.run(load.hold(*plan["held"]) if "held" in plan else load.run())
    rows = [(a.due, a.status, a.seconds) for a in sorted(answers, key=lambda one: one.due)]
    json.dump(rows, sys.stdout)


if __name__ == "__main__":
    main()
