"""A deadline counts down to zero."""

from time import monotonic

from neurova.execution.deadline import Deadline


def test_remaining_seconds_are_never_negative() -> None:
    assert 99 < Deadline(monotonic() + 100).remaining() <= 100
    assert Deadline(monotonic() - 1).remaining() == 0.0
