"""Which calls are let in when there are more than this worker can serve."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from neurova.overload.cost import Cost
from neurova.overload.queue_delay import DELAY, Pressure

LIGHT = 1 / 400  # of the delay: to refuse a call that costs less saves nothing
LONGEST = 5  # delays that a light call may wait, and a turn may take whatever was before
ROOM = 4  # heavy calls that may wait whatever they cost, while few are refused
MARGIN = 1.05  # a call makes some work around it, too
GUESS = 1 / 20  # of the delay: what a call costs until one has been measured


class Admission:
    """Decide over calls by what the event loop has before it.

    The loop works in turns: it reads all connections that have something, and runs what is ready.
    `opened` and `closed` tell of each turn in which a reply was sent, which says how long callers
    wait. While that is little, calls are not looked at: only one that began later than `until` is.

    When they are more than can be served, a call's wait is foreseen: what those cost that were
    answered in this turn, as their connections and this one were ready together, and what was let
    in before and is still to be done. Work is counted by its usual cost, whenever it is done; what
    a call waits for does not count, nor that the machine stood still.
    """

    __slots__ = ("_began", "_free", "_last", "_reading", "_spent", "_took", "_usual", "judging",
                 "pressure", "refused", "until")  # fmt: skip

    def __init__(self, delay: float = DELAY) -> None:
        self.pressure = Pressure(delay)
        self.until = inf
        self.refused = 0
        self.judging: Callable[[], None] = lambda: None  # the edge sees to it that a turn is closed
        self._began = 0.0  # the turn; 0.0: none is open
        self._took = 0.0  # the turn before
        self._reading = False  # a call was judged in this turn
        self._last = 0.0  # when one was
        self._spent = 0.0  # seconds that calls have cost that were answered in this turn
        self._free = 0.0  # when what was let in will have been done
        self._usual = 0.0  # the mean cost of heavy calls that were let in

    def opened(self, now: float) -> None:
        """Note that a turn has begun."""
        self._began = now
        if not self.pressure.crowded:
            self.pressure.began(now)
            self.until = min(self.pressure.above, now + self.pressure.delay * LONGEST)

    def closed(self, now: float) -> None:
        """Note that the turn is over: what was ready when it began has been seen to."""
        pressure, took, before = self.pressure, now - self._began, self._took
        pressure.waited(took, now)
        self._began, self._spent, self._reading = 0.0, 0.0, False
        self._took = took
        self.until = -inf if pressure.crowded else inf
        long = min(took, before)  # one alone may be a machine that stood still
        if pressure.crowded and long > pressure.delay + self._usual:
            # More was ready than was thought: as much may still be.
            self._free = max(self._free, now + long - self._usual)

    def admits(self, cost: Cost, now: float) -> bool:
        """Tell whether a call is let in; asked for calls that began later than `until`."""
        delay = self.pressure.delay
        if not self.pressure.crowded:
            self._crowd(now)
        self.judging()
        if now < self._last:  # the clock was set back
            self._free = now
        if not self._reading:
            self._reading, self._last = True, now
        # Meanwhile this turn was reading, and none of the work before it was done.
        ahead = max(self._free - self._last, 0.0)
        self._last, self._free = now, now + ahead
        wait = self._spent + ahead
        if cost.seconds >= delay * LIGHT:
            let_in = self.pressure.admits(wait / max(1.0, self._usual * ROOM / delay), now)
        else:
            let_in = wait <= delay * LONGEST
        self.refused += not let_in
        return let_in

    def charged(self, cost: Cost, *, later: bool) -> None:
        """Count the work of a call that will run, at once or `later`."""
        if not cost.seconds:  # this call shows it: until then, no more of them than of heavy ones
            cost.seconds = self.pressure.delay * GUESS
        if cost.seconds >= self.pressure.delay * LIGHT:
            self._usual += (cost.seconds - self._usual) / 8
        if later:
            self._free += cost.seconds * MARGIN
        else:
            self._spent += cost.seconds

    def _crowd(self, now: float) -> None:
        self.pressure.crowd(now)
        self.until = -inf
        self._reading, self._last, self._spent = True, now, 0.0
        self._free, self._usual = now, 0.0
