"""What Schemathesis's process notes of each call, and a check of our own.

Loaded by SCHEMATHESIS_HOOKS; the counts go to the file that NEUROVA_TEST_CONFORMANCE names.
"""

from __future__ import annotations

import atexit
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import uuid4

import schemathesis

# How the platform begins what it says itself, before any function runs.
PLATFORM = (
    "One value is not valid.",
    "Some values are not valid.",
    "The request cannot be read:",
    "The request presents",
    "Send the body as application/json",
    "This answers application/",
    "This needs a key",
    "This takes a key",
    "This is a live key",
    "This is a test key",
    "The key ",
    "This Idempotency-Key was used",
    "A request with this Idempotency-Key",
    "Idempotency-Key is",
    "the path ",
    "send exactly one",
    "that is not HTTP",
    "that method is not",
    "No route matches this path",
)
seen: Counter[tuple[str, int, bool]] = Counter()


def reached(status: int, body: bytes) -> bool:
    """Tell whether a function answered, or refused: not the platform before it."""
    if status == 405:
        return False
    if status < 400:
        return True
    try:
        said = json.loads(body).get("detail", "")
    except ValueError:
        return False
    return not said.startswith(PLATFORM)


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Give each valid call a key of its own: an answer that is given again says nothing new."""
    if valid(case) and case.headers and "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = uuid4().hex


def valid(case: Any) -> bool:
    """Tell whether a call was made up to fit the document."""
    mode = case.meta.generation.mode if case.meta is not None else None
    return mode is not None and bool(mode.is_positive)


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    """Count a call."""
    status = response.status_code
    seen[case.operation.label, status, reached(status, response.content)] += 1


@schemathesis.check
def valid_requests_reach_their_function(ctx: Any, response: Any, case: Any) -> None:
    """What the document calls valid, the platform lets through; the function may refuse it."""
    if valid(case) and response.status_code in (400, 406, 415, 422):
        # The document states once for all bodies that no text contains a NUL.
        nul = "contains a NUL character" in response.text
        assert nul or reached(response.status_code, response.content), response.text


@atexit.register
def write() -> None:
    """Leave the counts."""
    file = os.environ.get("NEUROVA_TEST_CONFORMANCE")
    if file and seen:
        rows = [[*key, count] for key, count in sorted(seen.items())]
        Path(file).write_text(json.dumps(rows))
