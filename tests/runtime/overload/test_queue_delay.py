"""A burst is no overload; a lasting queue is kept short, and shorter the more calls come."""

from neurova.overload.queue_delay import DELAY, QueueDelay

LONG, SHORT = DELAY / 2, DELAY / 20


def overload(queue_delay: QueueDelay) -> float:
    """Record long waits until the overload begins; return when."""
    now = 0.0
    while not queue_delay.is_overloaded:
        queue_delay.record_wait(LONG, now)
        now += DELAY / 10
    return now


def test_long_waits_without_a_short_one_are_an_overload() -> None:
    assert 0.4 * DELAY < overload(QueueDelay()) < DELAY


def test_short_wait_ends_a_burst_and_rare_long_waits_are_bursts() -> None:
    queue_delay, rare = QueueDelay(), QueueDelay()
    for step in range(1, 100):
        queue_delay.record_wait(LONG if step % 4 else SHORT, step * DELAY / 8)
        rare.record_wait(LONG, float(step))
        assert not queue_delay.is_overloaded
        assert not rare.is_overloaded


def test_few_refusals_keep_the_whole_delay() -> None:
    queue_delay = QueueDelay()
    now = overload(queue_delay)
    for number in range(1000):
        now += DELAY / 50
        wait = DELAY if number % 50 else 2 * DELAY
        assert queue_delay.admits(wait, now) == bool(number % 50)
    assert queue_delay.limit == DELAY


def test_more_refusals_shorten_the_limit() -> None:
    limits = []
    for refused in (1, 3, 8):
        queue_delay = QueueDelay()
        now = overload(queue_delay)
        for number in range(1000):
            now += DELAY / 100
            queue_delay.admits(DELAY * 9 if number % 10 < refused else 0.0, now)
        limits.append(queue_delay.limit)
    assert DELAY > limits[0] > limits[1] > limits[2] > DELAY / 40


def test_overload_ends_after_a_time_without_refusals() -> None:
    queue_delay = QueueDelay()
    now = overload(queue_delay)
    assert not queue_delay.admits(DELAY * 9, now)
    queue_delay.record_wait(SHORT, now + 9 * DELAY)
    assert queue_delay.is_overloaded
    queue_delay.record_wait(SHORT, now + 11 * DELAY)
    assert not queue_delay.is_overloaded
