"""Whether a queue stands, and how long a call may then wait in it."""

from __future__ import annotations

from math import inf

DELAY = 0.1  # seconds
SHORT = 1 / 4  # of the delay: a wait that tells of no queue
SPARE = 1 / 32  # the share of refused calls up to which the others may wait the whole delay
STANDING = 1 / 2  # delays for which no wait was short: that is no burst any more
IDLE = 2  # delays in which nobody waited
JUDGED = 64  # calls that tell whether a longer limit is worth it
FIRST, LAST = 4, 256  # windows until the next try
PATIENCE = 10  # delays without a refusal after which a queue is calm again


class Pressure:
    """Tell a standing queue, where calls only wait, from a burst that it works off.

    As CoDel does (RFC 8289): it is `crowded` once no wait was short for half a `delay`. Then a call
    is let in if it will wait at most `limit`: the delay as long as few are refused, and the less
    the more are. Where there is always another call, a long queue makes each wait and serves no
    more of them. Times are seconds of any one clock.

    Callers who ask again at once count as many: a few of them would be refused for ever though
    there is room for all. So now and then the limit is doubled: that lets in as many more only if
    they are always the same, and then it stays.
    """

    __slots__ = ("_let_in", "_noted", "_pause", "_refused", "_refused_at", "_renew", "_share",
                 "_stretch", "_tried", "_wait", "above", "crowded", "delay",
                 "limit")  # fmt: skip

    def __init__(self, delay: float = DELAY) -> None:
        self.delay = delay
        self.limit = delay
        self.crowded = False
        self.above = inf  # when it will be crowded unless a wait was short before
        self._noted = self._refused_at = 0.0
        self._start(0.0)

    def waited(self, seconds: float, now: float) -> None:
        """Note how long one that was waiting had to."""
        self.began(now - seconds)
        self._noted = now
        if self.crowded:
            if now - self._refused_at > self.delay * PATIENCE:
                self.crowded, self.above = False, inf
        elif seconds <= self.delay * SHORT:
            self.above = inf
        elif self.above == inf:
            self.above = now + self.delay * STANDING
        elif now >= self.above:
            self.crowd(now)

    def began(self, now: float) -> None:
        """Note that something begins to wait; what was long before tells nothing."""
        if now - self._noted > self.delay * IDLE:
            self.above = inf

    def crowd(self, now: float) -> None:
        """Be crowded from now on."""
        self.crowded = True
        self.limit = self.delay
        self._refused_at = now
        self._start(now)

    def admits(self, wait: float, now: float) -> bool:
        """Tell whether a call that will have to `wait` is let in, while it is crowded."""
        if now >= self._renew:
            self._weigh(now)
        if wait <= self.limit:
            self._let_in += 1
            return True
        self._refused += 1
        self._refused_at = now
        return False

    def _start(self, now: float) -> None:
        self._let_in = self._refused = 0
        self._share = 0.0  # of calls, refused lately
        self._stretch = 1.0
        self._tried = False
        self._wait = self._pause = FIRST
        self._renew = now + self.delay * STANDING

    def _weigh(self, now: float) -> None:
        """Set the limit by the share of calls refused lately."""
        judged = self._let_in + self._refused
        if self._tried and judged < JUDGED:
            return
        share = self._refused / max(judged, 1)
        if self._tried:
            self._told(share)
        self._share = (self._share + share) / 2
        self._wait -= 1
        if self._wait <= 0 and self._share > SPARE:
            self._tried = True
            self._stretch *= 2
        elif self._stretch > 1:
            self._stretch = max(1.0, self._stretch * 0.9)
        self.limit = self.delay * min(1.0, self._stretch * SPARE / max(self._share, SPARE))
        self._let_in = self._refused = 0
        self._renew = now + self.delay * STANDING

    def _told(self, share: float) -> None:
        """Judge by the share refused under a doubled limit."""
        self._tried = False
        if share <= self._share - (1 - self._share) / 2:
            self._pause, self._wait = FIRST, 1
        else:
            self._stretch /= 2
            self._pause = min(self._pause * 2, LAST)
            self._wait = self._pause
