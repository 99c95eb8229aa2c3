"""Tell a lasting queue from a burst, and decide how long a call may wait in it."""

from __future__ import annotations

from math import inf

DELAY = 0.1  # seconds
SHORT = 1 / 4  # of the delay: a wait that shows that the queue is empty again
FEW = 1 / 32  # the share of refused calls up to which the others may wait the whole delay
LASTING = 1 / 2  # delays without a short wait after which a queue is no burst
IDLE = 2  # delays without any wait after which earlier waits no longer count
SAMPLE = 64  # calls needed to judge whether a longer limit helps
FIRST_PAUSE, LAST_PAUSE = 4, 256  # reviews until the next trial
RECOVERY = 10  # delays without a refusal after which the overload has ended


class QueueDelay:
    """Control the delay of a queue, like CoDel (RFC 8289).

    A queue `is_overloaded` once no wait was short for half a `delay`. Then a call is admitted if it
    will wait at most `limit`: the whole delay while few calls are refused, and less the more are.
    If there is always another call, a longer queue makes all of them wait and serves no more.
    Times are seconds of any one clock.

    Clients that retry at once are counted each time: a few of them could be refused forever though
    there is capacity for all. So the limit is doubled now and then, as a trial. It stays doubled if
    that reduces the share of refused calls, which happens only if the callers are always the same.
    """

    __slots__ = (
        "_admitted",
        "_is_trial",
        "_last_wait",
        "_next_review",
        "_pause",
        "_refused",
        "_refused_at",
        "_refused_share",
        "_reviews_left",
        "_stretch",
        "delay",
        "is_overloaded",
        "limit",
        "overload_at",
    )

    def __init__(self, delay: float = DELAY) -> None:
        self.delay = delay
        self.limit = delay
        self.is_overloaded = False
        self.overload_at = inf  # when the overload begins unless a wait is short before
        self._last_wait = self._refused_at = 0.0
        self._reset(0.0)

    def record_wait(self, seconds: float, now: float) -> None:
        """Record how long a call has waited that now starts."""
        self.record_start(now - seconds)
        self._last_wait = now
        if self.is_overloaded:
            if now - self._refused_at > self.delay * RECOVERY:
                self.is_overloaded, self.overload_at = False, inf
        elif seconds <= self.delay * SHORT:
            self.overload_at = inf
        elif self.overload_at == inf:
            self.overload_at = now + self.delay * LASTING
        elif now >= self.overload_at:
            self.enter_overload(now)

    def record_start(self, now: float) -> None:
        """Record that a call starts to wait; forget earlier waits after an idle time."""
        if now - self._last_wait > self.delay * IDLE:
            self.overload_at = inf

    def enter_overload(self, now: float) -> None:
        """Admit calls by their expected wait from now on."""
        self.is_overloaded = True
        self.limit = self.delay
        self._refused_at = now
        self._reset(now)

    def admits(self, wait: float, now: float) -> bool:
        """Return whether a call that is expected to `wait` is admitted during an overload."""
        if now >= self._next_review:
            self._review(now)
        if wait <= self.limit:
            self._admitted += 1
            return True
        self._refused += 1
        self._refused_at = now
        return False

    def _reset(self, now: float) -> None:
        self._admitted = self._refused = 0
        self._refused_share = 0.0  # a moving mean
        self._stretch = 1.0  # of the limit, by successful trials
        self._is_trial = False
        self._reviews_left = self._pause = FIRST_PAUSE
        self._next_review = now + self.delay * LASTING

    def _review(self, now: float) -> None:
        """Set the limit by the share of calls refused since the last review."""
        calls = self._admitted + self._refused
        if self._is_trial and calls < SAMPLE:
            return
        share = self._refused / max(calls, 1)
        if self._is_trial:
            self._end_trial(share)
        self._refused_share = (self._refused_share + share) / 2
        self._reviews_left -= 1
        if self._reviews_left <= 0 and self._refused_share > FEW:
            self._is_trial = True
            self._stretch *= 2
        elif self._stretch > 1:
            self._stretch = max(1.0, self._stretch * 0.9)
        share = max(self._refused_share, FEW)
        self.limit = self.delay * min(1.0, self._stretch * FEW / share)
        self._admitted = self._refused = 0
        self._next_review = now + self.delay * LASTING

    def _end_trial(self, share: float) -> None:
        """Keep the doubled limit if it has reduced the share of refused calls enough."""
        self._is_trial = False
        if share <= self._refused_share - (1 - self._refused_share) / 2:
            self._pause, self._reviews_left = FIRST_PAUSE, 1
        else:
            self._stretch /= 2
            self._pause = min(self._pause * 2, LAST_PAUSE)
            self._reviews_left = self._pause
