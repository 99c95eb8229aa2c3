"""A worker that served comes back at once; a crash loop does not spin."""

from neurova_platform.supervise.backoff import Backoff


def test_one_that_served_for_long_is_replaced_at_once_each_time() -> None:
    backoff = Backoff()
    assert [backoff.died(60.0) for _ in range(5)] == [0.0] * 5


def test_deaths_that_follow_each_other_wait_but_never_more_than_a_second() -> None:
    backoff = Backoff()
    waits = [backoff.died(0.5) for _ in range(10)]
    assert waits[:3] == [0.0, 0.0, 0.0]
    assert waits == sorted(waits)
    assert 0 < waits[3] < 0.5
    assert waits[-1] == 1.0
    assert backoff.died(60.0) == 0.0


def test_one_that_cannot_start_is_tried_ever_later_up_to_half_a_minute() -> None:
    backoff = Backoff()
    waits = [backoff.failed() for _ in range(10)]
    assert waits[0] < 1
    assert waits == sorted(waits)
    assert waits[-1] == 30.0
    backoff.forget()
    assert backoff.failed() == waits[0]
