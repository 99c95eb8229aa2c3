"""Call a background function once; if it fails, decide between retry and dead letter."""

from __future__ import annotations

import asyncio
import logging
import random
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

from ..bus.base import LONGEST_RETRY, MAX_CAUSE
from ..errors import NeurovaError
from ..events.codec import UndecodableEvent
from ..http.problem import Reject
from ..outbox.inbox import AlreadyHandled
from ..telemetry.redact import mask_secrets
from .background import BackgroundFunction, Options
from .records import Outcome, Retry

LOGGER = logging.getLogger("neurova.events")


async def attempt(
    function: BackgroundFunction[Any],
    what: str,
    number: int,
    run: Callable[[], Awaitable[Outcome]],
) -> tuple[Outcome, str, float]:
    """Await `run` within the timeout; return outcome, cause, and seconds until the retry.

    `what` describes the work in the log, `number` is the number of the attempt. The outcome of a
    failure is "retry" or "dead".
    """
    try:
        async with asyncio.timeout(function.description.timeout):
            return await run(), "", 0.0
    except AlreadyHandled:
        return "duplicate", "", 0.0
    except Exception as error:
        outcome, after = decide(error, number, function.description)
        cause = describe(error, function)
        LOGGER.warning(
            "%s failed with %s (attempt %d, %s): %s",
            function.name,
            what,
            number,
            f"retry in {after:.1f} s" if outcome == "retry" else function.when_given_up,
            cause,
            exc_info=error if _is_unexpected(error) and number == 1 else None,
        )
        return outcome, cause, after


def _is_unexpected(error: Exception) -> bool:
    return not isinstance(error, Reject | Retry | NeurovaError)


def decide(error: Exception, attempt: int, options: Options) -> tuple[Outcome, float]:
    """Return "retry" or "dead" for an error, and the seconds until the retry."""
    if isinstance(error, Reject | UndecodableEvent) or attempt > options.retries:
        return "dead", 0.0
    if isinstance(error, Retry):
        return "retry", min(max(error.after, 0.0), LONGEST_RETRY)
    longest = min(options.backoff * 2 ** (attempt - 1), LONGEST_RETRY)
    return "retry", longest * random.uniform(0.75, 1)  # noqa: S311 - jitter, not a secret


def describe(error: Exception, function: BackgroundFunction[Any]) -> str:
    """Return the cause of a failure: the error, and the line of the service's code."""
    if isinstance(error, TimeoutError) and not str(error):
        return f"TimeoutError: not finished after {function.description.timeout:g} s"
    text = f"{type(error).__name__}: {error}"
    if isinstance(error, Reject):
        text = f"Reject: {error.status} {error.detail}"
    folder = f"/functions/{function.service}/"
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame for frame in frames if folder in frame.filename]
    if lines:
        name = lines[-1].filename.rpartition(folder)[2]
        text += f" ({folder[1:]}{name}:{lines[-1].lineno})"
    return mask_secrets(text)[:MAX_CAUSE]  # mask before cutting, which could split a secret
