"""A simulated event loop with its own clock, which serves calls like the server."""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, count

from neurova_gateway.pipeline.admission import BUSY, Admission
from neurova_gateway.server.connection_manager import LAG_INTERVAL

AGAIN = 300e-6  # seconds from a response to the next call of the same caller
READ, SEND = 30e-6, 10e-6  # seconds of loop time per call, also for a refusal


@dataclass(frozen=True)
class Kind:
    """A function whose call waits `waits` seconds (None: not at all), then computes `computes` s.

    Until the time `again`, callers repeat the call as soon as they have a response.
    """

    computes: float
    waits: float | None = None
    again: float = 0.0


@dataclass
class Done:
    """A finished call: when it arrived, whether it was served, and how long it took."""

    arrived: float
    kind: Kind
    served: bool
    seconds: float


def arrivals(rate: float, first: float, last: float, seed: int = 1) -> Iterable[float]:
    """Return random arrival times between `first` and `last` with `rate` calls per second."""
    chance = random.Random(seed)
    gaps = (chance.expovariate(rate) for _ in count())
    for time in accumulate(gaps, initial=first):
        if time >= last:
            return
        yield time


@dataclass
class Waiting:
    """A connection whose request is queued."""

    worker: Worker
    arrived: float
    kind: Kind

    def take_turn(self) -> None:
        """Read the request, then run or refuse the call."""
        self.worker.start(self.arrived, self.kind)


class Worker:
    """A simulated worker; `calls` are arrival times and kinds, `run` returns the finished calls."""

    def __init__(self, calls: Iterable[tuple[float, Kind]], pause: float = 0.0) -> None:
        self.now = 1.0
        self.admission = Admission(lambda: self.now, lambda: self.now)
        self.number = count()
        self.calls = [(1 + time, next(self.number), kind) for time, kind in calls]
        heapq.heapify(self.calls)
        self.unfinished = len(self.calls)
        self.ready: deque[Callable[[], None]] = deque()
        self.timers: list[tuple[float, int, Callable[[], None]]] = []
        self.replies: list[tuple[float, Kind, bool]] = []
        self.is_in_iteration = False
        self.pause = pause  # seconds that another process takes the CPU, in turns
        self.paused_at = 0.0
        self.done: list[Done] = []
        self.measure_lag(self.now)

    def run(self) -> list[Done]:
        """Run the event loop until all calls are done."""
        while self.unfinished:
            for _ in range(len(self.ready)):
                self.ready.popleft()()
            if not self.ready:
                events = (each[0][0] for each in (self.calls, self.timers) if each)
                self.now = max(self.now, min(events))
            while self.timers and self.timers[0][0] <= self.now:
                self.ready.append(heapq.heappop(self.timers)[2])
            polled = self.now
            while self.calls and self.calls[0][0] <= polled:
                arrived, _, kind = heapq.heappop(self.calls)
                if self.admission.is_busy:
                    self.admission.wait(Waiting(self, arrived, kind))
                    self.begin_iteration()
                else:
                    self.start(arrived, kind)
        return self.done

    def start(self, arrived: float, kind: Kind) -> None:
        if self.pause and self.now - self.paused_at > 2 * self.pause:
            self.now += self.pause
            self.paused_at = self.now
        if self.now > self.admission.busy_after:
            self.admission.is_busy = True
        self.now += READ
        if self.admission.is_refusing:
            self.send(arrived, kind, served=False)
        elif kind.waits is None:
            self.now += kind.computes
            self.send(arrived, kind, served=True)
        else:
            self.admission.begin_call()
            self.call_at(self.now + kind.waits, partial(self.step, arrived, kind))

    def step(self, arrived: float, kind: Kind) -> None:
        self.now += kind.computes
        self.admission.end_call()
        self.ready.append(partial(self.send, arrived, kind, served=True))

    def send(self, arrived: float, kind: Kind, *, served: bool) -> None:
        self.begin_iteration()
        self.replies.append((arrived, kind, served))

    def call_at(self, time: float, callback: Callable[[], None]) -> None:
        heapq.heappush(self.timers, (time, next(self.number), callback))

    def measure_lag(self, due: float) -> None:
        self.admission.record_lag(self.now - due)
        if self.admission.is_busy:
            self.begin_iteration()
        due = self.now + LAG_INTERVAL
        self.call_at(due, partial(self.measure_lag, due))

    def begin_iteration(self) -> None:
        if not self.is_in_iteration:
            self.is_in_iteration = True
            self.ready.append(self.end_iteration)
            self.admission.busy_after = self.now + BUSY

    def end_iteration(self) -> None:
        self.admission.run_turns()
        for arrived, kind, served in self.replies:
            self.now += SEND
            self.unfinished -= 1
            self.done.append(Done(arrived - 1, kind, served, self.now - arrived))
            if self.now - 1 < kind.again:
                self.unfinished += 1
                heapq.heappush(self.calls, (self.now + AGAIN, next(self.number), kind))
        self.replies.clear()
        self.is_in_iteration = False
        if self.admission.has_next:
            self.begin_iteration()
