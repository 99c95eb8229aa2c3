"""Calls over the limit wait in order; calls over the queue are refused."""

from neurova.execution.concurrency_limit import ConcurrencyLimit, RefusalCounter


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class QueuedCall:
    def __init__(self, started: list[int], number: int) -> None:
        self.started = started
        self.number = number

    def start(self) -> None:
        self.started.append(self.number)


def enter(limit: ConcurrencyLimit, calls: int) -> list[bool]:
    return [limit.enter(QueuedCall([], number)) for number in range(calls)]


def lasting_queue(
    calls: int, limit: int = 1, refusals: RefusalCounter | None = None
) -> tuple[ConcurrencyLimit, Clock]:
    """Return a limit whose calls take a second each, after eight of `calls` queued ones ended."""
    clock = Clock()
    concurrency = ConcurrencyLimit(limit, clock=clock, refusals=refusals)
    assert all(enter(concurrency, limit + calls))
    for _ in range(8):
        clock.now += 1 / limit
        concurrency.release()
    assert len(concurrency.waiting) == calls - 8
    return concurrency, clock


def test_calls_start_in_order_up_to_the_queue() -> None:
    started: list[int] = []
    limit = ConcurrencyLimit(2, queue=2)
    entered = [limit.enter(QueuedCall(started, number)) for number in range(5)]
    assert entered == [True] * 4 + [False]
    assert started == [0, 1]
    limit.release()
    assert started == [0, 1, 2]
    for _ in range(3):
        limit.release()
    assert started == [0, 1, 2, 3]
    assert (limit.running, len(limit.waiting)) == (0, 0)


def test_call_that_would_start_after_its_deadline_is_refused() -> None:
    refusals = RefusalCounter()
    limit, clock = lasting_queue(10, refusals=refusals)  # two wait, the next starts in 3 s
    assert not limit.enter(QueuedCall([], 0), clock.now + 2.5)
    assert refusals.count == 1
    assert limit.enter(QueuedCall([], 0), clock.now + 3.5)


def test_lasting_queue_is_kept_short() -> None:
    limit, _ = lasting_queue(8 + 2)
    assert enter(limit, 3) == [True, False, False]
    limit, _ = lasting_queue(8 + 1, limit=4)
    assert enter(limit, 13) == [True] * 11 + [False] * 2


def test_burst_may_fill_the_queue_again() -> None:
    limit, clock = lasting_queue(8)
    clock.now += 60
    assert all(enter(limit, 500))


def test_lasting_queue_of_fast_calls_may_be_longer() -> None:
    clock = Clock()
    limit = ConcurrencyLimit(1, clock=clock)
    enter(limit, 600)
    for _ in range(580):
        clock.now += 0.001
        limit.release()
    assert enter(limit, 90).count(False) == 9
