"""A deadline tells how long there is, never less than nothing."""

from time import monotonic

from neurova.execution.deadline import Deadline


def test_what_remains() -> None:
    assert 99 < Deadline(monotonic() + 100).remaining() <= 100
    assert Deadline(monotonic() - 1).remaining() == 0.0
