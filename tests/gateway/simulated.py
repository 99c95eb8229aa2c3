"""An event loop with a clock of its own, that serves calls as the edge does."""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import accumulate, count

from neurova.overload.cost import Cost
from neurova_gateway.pipeline.admission import Admission

AGAIN = 300e-6  # seconds after a reply in which a caller asks again who does so at once
READ, REFUSE, SEND = 20e-6, 10e-6, 10e-6  # seconds that the loop itself takes for a call


@dataclass
class Kind:
    """A function: a call waits for `waits` seconds, then computes for `computes`; None: inline.

    Its callers ask `again` at once when they have their reply, until then.
    """

    computes: float
    waits: float | None = None
    again: float = 0.0
    cost: Cost = field(default_factory=Cost)


@dataclass
class Done:
    """A call: when it came, whether it was served, and how long it took."""

    came: float
    kind: Kind
    served: bool
    seconds: float


def arrivals(rate: float, first: float, last: float, seed: int = 1) -> Iterable[float]:
    """Return times between two at which `rate` a second come, independently."""
    chance = random.Random(seed)
    gaps = (chance.expovariate(rate) for _ in count())
    for time in accumulate(gaps, initial=first):
        if time >= last:
            return
        yield time


class Worker:
    """One worker: `come` are the times and kinds of calls; `run` gives what became of each."""

    def __init__(self, admission: Admission, come: Iterable[tuple[float, Kind]]) -> None:
        self.admission = admission
        self.now = 1.0
        self.number = count()
        self.come = [(1 + time, next(self.number), kind) for time, kind in come]
        heapq.heapify(self.come)
        self.ready: deque[Callable[[], None]] = deque()
        self.timers: list[tuple[float, int, Callable[[], None]]] = []
        self.replies: list[tuple[float, Kind, bool]] = []
        self.opened = False
        self.still = 0.0  # seconds that another has the processor, after each as long of ours
        self.stood = 0.0
        self.done: list[Done] = []
        admission.begin_iteration = self.open

    def run(self) -> list[Done]:
        while self.come or self.ready or self.timers:
            for _ in range(len(self.ready)):
                self.ready.popleft()()
            if not self.ready:
                coming = [self.come[0][0]] if self.come else []
                coming += [self.timers[0][0]] if self.timers else []
                self.now = max(self.now, min(coming, default=self.now))
            while self.timers and self.timers[0][0] <= self.now:
                self.ready.append(heapq.heappop(self.timers)[2])
            polled = self.now
            while self.come and self.come[0][0] <= polled:
                came, _, kind = heapq.heappop(self.come)
                self.read(came, kind)
        return self.done

    def read(self, came: float, kind: Kind) -> None:
        started = self.now
        self.now += READ
        if self.still and self.now - self.stood > 2 * self.still:
            self.now += self.still
            self.stood = self.now
        if started > self.admission.watch_after:
            if not self.admission.admits(kind.cost, self.now):
                self.now += REFUSE
                self.send(came, kind, served=False)
                return
            self.admission.add_work(kind.cost, later=kind.waits is not None)
        if kind.waits is None:
            self.now += kind.computes
            kind.cost.record(kind.computes)
            self.send(came, kind, served=True)
        else:
            entry = (self.now + kind.waits, next(self.number), lambda: self.step(came, kind))
            heapq.heappush(self.timers, entry)

    def step(self, came: float, kind: Kind) -> None:
        self.now += kind.computes
        kind.cost.record(kind.computes)
        self.ready.append(lambda: self.send(came, kind, served=True))

    def send(self, came: float, kind: Kind, *, served: bool) -> None:
        self.open()
        self.replies.append((came, kind, served))

    def open(self) -> None:
        if not self.opened:
            self.opened = True
            self.ready.append(self.close)
            self.admission.iteration_began(self.now)

    def close(self) -> None:
        for came, kind, served in self.replies:
            self.now += SEND
            self.done.append(Done(came - 1, kind, served, self.now - came))
            if self.now - 1 < kind.again:
                heapq.heappush(self.come, (self.now + AGAIN, next(self.number), kind))
        self.replies.clear()
        self.opened = False
        self.admission.iteration_ended(self.now)
