"""One container of a Lambda function, measured from the start of its interpreter.

Prints the CPU milliseconds of the start. With the number of rounds and a key as arguments, also
prints, one line per round, the CPU microseconds of a call through an event and of the same call
directly through the gateway.
"""

# ruff: noqa: E402 - what is imported is measured

import time

import awslambdaric.bootstrap  # noqa: F401 - the runtime imports it before the handler

import neurova_platform.serving.aws_lambda as aws_lambda

handler = aws_lambda.handler
print(time.process_time() * 1e3, flush=True)

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neurova_platform.serving.aws_lambda.container import Container

CALLS = 200
TIMEOUT_MS = 30_000


class Context:
    """The context that Lambda's runtime passes with an event."""

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until the timeout of the function."""
        return TIMEOUT_MS


def make_event(key: str) -> dict[str, Any]:
    """Return the event of a call that reads the database and counts a limit."""
    http = {"method": "GET", "path": "/rooms", "sourceIp": "203.0.113.9"}
    return {
        "version": "2.0",
        "rawPath": "/rooms",
        "rawQueryString": "",
        "headers": {"host": "x", "x-api-key": key},
        "requestContext": {"http": http},
        "isBase64Encoded": False,
    }


def measure(rounds: int, key: str) -> None:
    """Print the CPU costs of both kinds of calls for each round."""
    from neurova_platform.serving.aws_lambda.http import _Receiver
    from neurova_platform.serving.aws_lambda.http_event import read_call

    event, context = make_event(key), Context()
    container: Container = handler.__self__  # type: ignore[attr-defined]  # a bound method
    answer = container.platform.asgi.answer

    async def send(message: Any) -> None:
        assert message.get("status", 200) == 200, message

    async def call_core() -> None:
        for _ in range(CALLS):
            call = read_call(event, trusts_proxies=False)
            await answer(call, _Receiver(call), send)

    for _ in range(rounds + 1):
        started = time.process_time()
        for _ in range(CALLS):
            answered = handler(event, context)
            assert answered["statusCode"] == 200, answered
        between = time.process_time()
        container._run(call_core())
        container._flush()
        ended = time.process_time()
        print((between - started) / CALLS * 1e6, (ended - between) / CALLS * 1e6, flush=True)


if len(sys.argv) > 1:
    measure(int(sys.argv[1]), sys.argv[2])
handler.__self__.stop()  # type: ignore[attr-defined]  # a bound method
