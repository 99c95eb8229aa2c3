"""Progress in a pipe is printed as lines."""

from __future__ import annotations

import pytest
from examples.replay.progress import progress


@pytest.mark.parametrize(("total", "lines"), [(3, 3), (10, 10), (1_234, 10)])
def test_pipe_gets_ten_lines(capsys: pytest.CaptureFixture[str], total: int, lines: int) -> None:
    with progress("counting", total) as tick:
        for _ in range(total):
            tick()
    captured = capsys.readouterr()
    assert len(captured.err.splitlines()) == lines
    assert captured.err.splitlines()[-1] == f"counting: {total:,} of {total:,}"
    assert captured.out == ""
