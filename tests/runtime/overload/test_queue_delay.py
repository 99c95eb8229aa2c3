"""A burst is no queue; a queue that stands is kept short, and the shorter the more there is."""

from neurova.overload.queue_delay import DELAY, Pressure

LONG, SHORT = DELAY / 2, DELAY / 20


def crowd(pressure: Pressure, now: float = 0.0) -> float:
    while not pressure.crowded:
        pressure.waited(LONG, now)
        now += DELAY / 10
    return now


def test_long_waits_without_a_break_make_it_crowded() -> None:
    pressure = Pressure()
    assert 0.4 * DELAY < crowd(pressure) < DELAY


def test_one_short_wait_tells_that_nothing_stands() -> None:
    pressure = Pressure()
    for step in range(1, 100):
        pressure.waited(LONG if step % 4 else SHORT, step * DELAY / 8)
        assert not pressure.crowded


def test_long_waits_far_apart_are_bursts() -> None:
    pressure = Pressure()
    for second in range(1, 60):
        pressure.waited(LONG, float(second))
        assert not pressure.crowded


def test_few_refusals_leave_the_others_the_whole_delay() -> None:
    pressure = Pressure()
    now = crowd(pressure)
    for number in range(1000):
        now += DELAY / 50
        assert pressure.admits(2 * DELAY if number % 50 == 0 else DELAY, now) == bool(number % 50)
    assert pressure.limit == DELAY


def test_the_more_are_refused_the_less_the_others_may_wait() -> None:
    limits = []
    for refused in (1, 3, 8):
        pressure = Pressure()
        now = crowd(pressure)
        for number in range(1000):
            now += DELAY / 100
            pressure.admits(DELAY * 9 if number % 10 < refused else 0.0, now)
        limits.append(pressure.limit)
    assert DELAY > limits[0] > limits[1] > limits[2] > DELAY / 40


def test_a_second_without_a_refusal_makes_it_calm() -> None:
    pressure = Pressure()
    now = crowd(pressure)
    assert not pressure.admits(DELAY * 9, now)
    pressure.waited(SHORT, now + 9 * DELAY)
    assert pressure.crowded
    pressure.waited(SHORT, now + 11 * DELAY)
    assert not pressure.crowded
