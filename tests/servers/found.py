"""Skip or fail a test whose real server is missing."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def missing(server: str, why: str) -> NoReturn:
    """Skip the test and name the missing server; in CI, fail the test."""
    message = f"no {server} to test with: {why}"
    if os.environ.get("CI") == "true":
        pytest.fail(message, pytrace=False)
    pytest.skip(message)
