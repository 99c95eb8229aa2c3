"""Detect a lasting queue, and decide which calls to admit to it."""

from __future__ import annotations

from math import inf

DELAY = 0.1  # seconds
SHORT = 1 / 4  # share of the delay; a wait this short means that the queue does not grow
FEW = 1 / 32  # the share of refused calls up to which the limit is the whole delay
LASTING = 1 / 2  # share of the delay; the queue is overloaded without a short wait for this long
IDLE = 2  # times the delay; after this time without a waiting call, ignore earlier waits
SAMPLE = 64  # calls needed to judge a trial
FIRST_PAUSE, LAST_PAUSE = 4, 256  # reviews until the next trial
RECOVERY = 10  # times the delay; after this time without a refusal, the overload has ended


class QueueDelay:
    """Control the delay of a queue, like CoDel (RFC 8289). Times are in seconds of any clock.

    A queue `is_overloaded` if no wait was short for half a `delay`. Then a call is admitted only if
    it is expected to wait at most `limit`: the whole delay while few calls are refused, less when
    more are refused, because a longer queue delays all calls and serves no more of them.

    Clients that retry immediately count as many refused calls, so the limit may be too low for a
    few of them even if there is capacity. So the limit is sometimes doubled as a trial. It stays
    doubled if that reduces the share of refused calls, which happens only with such clients.
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
        self.overload_at = inf  # when the overload begins, unless a short wait occurs before
        self._last_wait = self._refused_at = 0.0
        self._reset(0.0)

    def record_wait(self, seconds: float, now: float) -> None:
        """Record that a call starts to run after waiting `seconds`."""
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
        """Record that a call starts to wait; after an idle time, ignore earlier waits."""
        if now - self._last_wait > self.delay * IDLE:
            self.overload_at = inf

    def enter_overload(self, now: float) -> None:
        """Start to admit calls by their expected wait."""
        self.is_overloaded = True
        self.limit = self.delay
        self._refused_at = now
        self._reset(now)

    def admits(self, wait: float, now: float) -> bool:
        """Return whether to admit a call with this expected `wait` during an overload."""
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
        self._refused_share = 0.0  # moving mean of the share of refused calls
        self._stretch = 1.0  # factor of the limit, from successful trials
        self._is_trial = False
        self._reviews_left = self._pause = FIRST_PAUSE
        self._next_review = now + self.delay * LASTING

    def _review(self, now: float) -> None:
        """Set the limit from the share of calls refused since the last review."""
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
        """Keep the doubled limit if it reduced the share of refused calls enough."""
        self._is_trial = False
        if share <= self._refused_share - (1 - self._refused_share) / 2:
            self._pause, self._reviews_left = FIRST_PAUSE, 1
        else:
            self._stretch /= 2
            self._pause = min(self._pause * 2, LAST_PAUSE)
            self._reviews_left = self._pause
