"""A reader of a pipe sees how far it is, in lines."""

from __future__ import annotations

import pytest
from examples.replay.progress import progress


@pytest.mark.parametrize(("total", "lines"), [(3, 3), (10, 10), (1_234, 10)])
def test_in_a_pipe_there_is_a_line_at_each_tenth(
    capsys: pytest.CaptureFixture[str], total: int, lines: int
) -> None:
    with progress("counting", total) as tick:
        for _ in range(total):
            tick()
    said = capsys.readouterr()
    assert len(said.err.splitlines()) == lines
    assert said.err.splitlines()[-1] == f"counting: {total:,} of {total:,}"
    assert said.out == ""
