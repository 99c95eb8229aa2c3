"""The kinds of events that a Lambda function receives, and the handler of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from neurova.errors import NeurovaError

_PACKAGE = "neurova_platform.serving.aws_lambda"

HANDLERS: dict[str, str] = {
    "http": f"{_PACKAGE}.http:handle",
    "migrate": f"{_PACKAGE}.migration:handle",
    "sqs": f"{_PACKAGE}.queue_event:handle",
    "run-schedule": f"{_PACKAGE}.schedule_event:handle",
    "sweep": f"{_PACKAGE}.sweep:handle",
}
"""The handler of each source: "module:name" of `async def handle(container, event, deadline)`.

The deadline is in seconds of the event loop's clock. The module is imported at the first event.
"""
WITHOUT_PLATFORM = frozenset(["migrate"])
"""The sources that are handled even if pending migrations prevent the platform's start."""


def find_source(event: Mapping[str, Any]) -> str:
    """Return the source of an event. Raises NeurovaError for an unknown one."""
    context = event.get("requestContext")
    if isinstance(context, Mapping):
        if "elb" in context or ("http" in context and event.get("version") == "2.0"):
            return "http"
        raise NeurovaError(
            "this HTTP event has another format than payload version 2.0",
            where="the event of API Gateway",
            fix="use an HTTP API with PayloadFormatVersion 2.0, a function URL or an ALB",
        )
    records = event.get("Records")
    if isinstance(records, list) and records and records[0].get("eventSource") == "aws:sqs":
        return _known("sqs")
    return _known(str(event.get("neurova", "")))


def _known(source: str) -> str:
    if source not in HANDLERS:
        known = ", ".join(f'"{name}"' for name in HANDLERS if name != "http")
        raise NeurovaError(
            f"no handler for events of {source!r}" if source else "the event is of no known form",
            where="the event of AWS Lambda",
            fix=f"send an HTTP event, or one of {known}",
        )
    return source
