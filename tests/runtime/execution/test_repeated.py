"""Logging of repeated failures."""

from __future__ import annotations

import logging

import pytest

from neurova.errors import Unavailable
from neurova.execution.repeated import log_repeated

LOGGER = logging.getLogger("neurova.test")


def test_few_of_many_failures_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    for failures in range(1, 301):
        log_repeated(LOGGER, failures, Unavailable("down"), "Queue %s waits", f"q{failures}")
    expected = [f"Queue q{number} waits: down" for number in (1, 10, 100, 200, 300)]
    assert [record.getMessage() for record in caplog.records] == expected


@pytest.mark.parametrize("error", [Unavailable("down"), ValueError("no")])
def test_only_unexpected_errors_have_a_traceback(
    caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    log_repeated(LOGGER, 1, error, "Relay")
    assert bool(caplog.records[0].exc_info) == isinstance(error, ValueError)
