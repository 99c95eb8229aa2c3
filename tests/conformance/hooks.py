"""Hooks in Schemathesis's process: count calls, and check that valid ones reach a function.

SCHEMATHESIS_HOOKS loads this module; NEUROVA_TEST_CONFORMANCE names the file for the counts.
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

# How the details of problems begin that the platform itself sends before a function runs.
PLATFORM = (
    "One value is not valid.",
    "Some values are not valid.",
    "The request cannot be read:",
    "The request presents",
    "Send the body as application/json",
    "This answers application/",
    "An API key is required",
    "More than one credential",
    "Unsupported authorization scheme",
    "Unknown key",
    "This is a live key",
    "This is a test key",
    "The key ",
    "This Idempotency-Key was used",
    "A request with this Idempotency-Key",
    "Idempotency-Key is",
    "Path ",
    "Host header ",
    "Multiple Host headers",
    "Malformed HTTP/1.1 request",
    "Unknown method",
    "No route matches this path",
)
counts: Counter[tuple[str, int, bool]] = Counter()


def reached_function(status: int, body: bytes) -> bool:
    """Return whether a response came from a function rather than from the platform."""
    if status == 405:
        return False
    if status < 400:
        return True
    try:
        detail = json.loads(body).get("detail", "")
    except ValueError:
        return False
    return not detail.startswith(PLATFORM)


@schemathesis.hook
def map_body(context: Any, body: Any) -> Any:
    """Write integers without a fraction, because functions refuse `2.0` as an integer."""
    if isinstance(body, dict):
        return {key: map_body(context, each) for key, each in body.items()}
    if isinstance(body, list):
        return [map_body(context, each) for each in body]
    return int(body) if isinstance(body, float) and body.is_integer() else body


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Give each valid call a new Idempotency-Key, because a replayed response tests nothing."""
    if is_valid(case) and case.headers and "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = uuid4().hex


def is_valid(case: Any) -> bool:
    """Return whether a call was generated as conforming to the document."""
    mode = case.meta.generation.mode if case.meta is not None else None
    return mode is not None and bool(mode.is_positive)


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    """Count a call."""
    status = response.status_code
    counts[case.operation.label, status, reached_function(status, response.content)] += 1


@schemathesis.check
def valid_requests_reach_their_function(ctx: Any, response: Any, case: Any) -> None:
    """Check that a valid request reaches its function, which may still refuse it."""
    if is_valid(case) and response.status_code in (400, 406, 415, 422):
        # The document says once, for all bodies, that texts contain no NUL.
        nul = "contains a NUL character" in response.text
        assert nul or reached_function(response.status_code, response.content), response.text


@atexit.register
def write() -> None:
    """Write the counts to the file."""
    file = os.environ.get("NEUROVA_TEST_CONFORMANCE")
    if file and counts:
        rows = [[*key, count] for key, count in sorted(counts.items())]
        Path(file).write_text(json.dumps(rows))
