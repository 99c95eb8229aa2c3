"""A simulated event loop with a clock of its own, which serves calls like the server."""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import accumulate, count

from neurova.overload.cost import Cost
from neurova_gateway.pipeline.admission import Admission

AGAIN = 300e-6  # seconds from a response to the next call of the same caller
READ, REFUSE, SEND = 20e-6, 10e-6, 10e-6  # seconds of the event loop per call


@dataclass
class Kind:
    """A function whose call waits `waits` seconds (None: runs at once), then computes `computes`.

    Until the time `again`, its callers call again as soon as they have a response.
    """

    computes: float
    waits: float | None = None
    again: float = 0.0
    cost: Cost = field(default_factory=Cost)


@dataclass
class Done:
    """A finished call: when it arrived, whether it was served, and how long it took."""

    arrived: float
    kind: Kind
    served: bool
    seconds: float


def arrivals(rate: float, first: float, last: float, seed: int = 1) -> Iterable[float]:
    """Return random arrival times between `first` and `last`, `rate` per second."""
    chance = random.Random(seed)
    gaps = (chance.expovariate(rate) for _ in count())
    for time in accumulate(gaps, initial=first):
        if time >= last:
            return
        yield time


class Worker:
    """One worker; `calls` are arrival times and kinds, `run` returns the finished calls."""

    def __init__(self, admission: Admission, calls: Iterable[tuple[float, Kind]]) -> None:
        self.admission = admission
        self.now = 1.0
        self.number = count()
        self.calls = [(1 + time, next(self.number), kind) for time, kind in calls]
        heapq.heapify(self.calls)
        self.ready: deque[Callable[[], None]] = deque()
        self.timers: list[tuple[float, int, Callable[[], None]]] = []
        self.replies: list[tuple[float, Kind, bool]] = []
        self.is_in_iteration = False
        self.pause = 0.0  # seconds for which another process has the CPU, alternating with ours
        self.paused_at = 0.0
        self.done: list[Done] = []
        admission.begin_iteration = self.begin_iteration

    def run(self) -> list[Done]:
        while self.calls or self.ready or self.timers:
            for _ in range(len(self.ready)):
                self.ready.popleft()()
            if not self.ready:
                due = [self.calls[0][0]] if self.calls else []
                due += [self.timers[0][0]] if self.timers else []
                self.now = max(self.now, min(due, default=self.now))
            while self.timers and self.timers[0][0] <= self.now:
                self.ready.append(heapq.heappop(self.timers)[2])
            polled = self.now
            while self.calls and self.calls[0][0] <= polled:
                arrived, _, kind = heapq.heappop(self.calls)
                self.read(arrived, kind)
        return self.done

    def read(self, arrived: float, kind: Kind) -> None:
        started = self.now
        self.now += READ
        if self.pause and self.now - self.paused_at > 2 * self.pause:
            self.now += self.pause
            self.paused_at = self.now
        if started > self.admission.watch_after:
            if not self.admission.admits(kind.cost, self.now):
                self.now += REFUSE
                self.send(arrived, kind, served=False)
                return
            self.admission.add_work(kind.cost, later=kind.waits is not None)
        if kind.waits is None:
            self.now += kind.computes
            kind.cost.record(kind.computes)
            self.send(arrived, kind, served=True)
        else:
            entry = (self.now + kind.waits, next(self.number), lambda: self.step(arrived, kind))
            heapq.heappush(self.timers, entry)

    def step(self, arrived: float, kind: Kind) -> None:
        self.now += kind.computes
        kind.cost.record(kind.computes)
        self.ready.append(lambda: self.send(arrived, kind, served=True))

    def send(self, arrived: float, kind: Kind, *, served: bool) -> None:
        self.begin_iteration()
        self.replies.append((arrived, kind, served))

    def begin_iteration(self) -> None:
        if not self.is_in_iteration:
            self.is_in_iteration = True
            self.ready.append(self.end_iteration)
            self.admission.record_iteration_start(self.now)

    def end_iteration(self) -> None:
        for arrived, kind, served in self.replies:
            self.now += SEND
            self.done.append(Done(arrived - 1, kind, served, self.now - arrived))
            if self.now - 1 < kind.again:
                heapq.heappush(self.calls, (self.now + AGAIN, next(self.number), kind))
        self.replies.clear()
        self.is_in_iteration = False
        self.admission.record_iteration_end(self.now)
