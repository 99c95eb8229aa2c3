"""Call the AWS API in threads, and translate its errors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from threading import Lock
from typing import Any, TypeVar

from ...errors import ConfigError, NeurovaError, StateError, Unavailable

T = TypeVar("T")

THREADS = 8  # for calls other than polls
MAX_POLLS = 1_000  # the maximum number of queues that one process consumes
CONNECT_TIMEOUT = 3
READ_TIMEOUT = 10  # seconds; must be longer than a poll
_REFUSED = ("AccessDenied", "AccessDeniedException", "AuthorizationError", "KMSAccessDenied")
_UNKNOWN = ("InvalidClientTokenId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidSecurity")
_BUSY = ("Throttling", "ThrottlingException", "RequestThrottled", "Throttled", "OverLimit")
MISSING_QUEUE = ("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist")
MISSING_TOPIC = ("NotFound", "NotFoundException")


class MissingQueue(StateError):
    """A queue does not exist on SQS."""


class MissingTopic(StateError):
    """An event has no topic on SNS."""


class Api:
    """The boto3 clients of one region. Their methods block: run them with `call`."""

    def __init__(self, region: str) -> None:
        self._region = region
        self._session: Any = None
        self._clients: dict[str, Any] = {}
        self._lock = Lock()
        self._pool = ThreadPoolExecutor(THREADS, "neurova-sqs")
        self._polls = ThreadPoolExecutor(MAX_POLLS, "neurova-sqs-poll")

    def client(self, service: str) -> Any:
        """Return the client of "sqs", "sns" or "sts". Call this in a thread: it reads files."""
        with self._lock:
            if service not in self._clients:
                import boto3
                from botocore.config import Config

                config = Config(
                    connect_timeout=CONNECT_TIMEOUT,
                    read_timeout=READ_TIMEOUT,
                    retries={"mode": "standard", "total_max_attempts": 3},
                    max_pool_connections=50,
                )
                if self._session is None:
                    self._session = boto3.session.Session(region_name=self._region)
                self._clients[service] = self._session.client(service, config=config)
            return self._clients[service]

    async def call(self, work: Callable[..., T], *arguments: Any, is_poll: bool = False) -> T:
        """Run `work` in a thread. Raises NeurovaError instead of boto3's errors."""
        pool = self._polls if is_poll else self._pool
        running = asyncio.get_running_loop().run_in_executor(pool, partial(work, *arguments))
        try:
            return await running
        except NeurovaError:
            raise
        except Exception as error:
            raise translate(error) from error

    def close(self) -> None:
        """Close the clients without waiting for running calls."""
        self._pool.shutdown(wait=False)
        self._polls.shutdown(wait=False)
        for client in self._clients.values():
            client.close()


@asynccontextmanager
async def until(deadline: float) -> AsyncIterator[None]:
    """Raise Unavailable at the deadline, in event-loop seconds."""
    try:
        async with asyncio.timeout_at(deadline):
            yield
    except TimeoutError:
        raise Unavailable("AWS did not answer until the deadline", fix="retry later") from None


def code_of(error: BaseException) -> str:
    """Return the error code in a response of AWS, or "" for another error."""
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


def translate(error: Exception) -> Exception:
    """Translate an error of boto3 to a NeurovaError; return any other error unchanged."""
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        NoCredentialsError,
        PartialCredentialsError,
        ProfileNotFound,
    )

    if isinstance(error, ClientError):
        return _translate_answer(error)
    if isinstance(error, NoCredentialsError | PartialCredentialsError | ProfileNotFound):
        fix = "give the process a role, or set AWS_PROFILE or AWS_ACCESS_KEY_ID"
        return ConfigError(f"no credentials for AWS: {error}", where="bus.url", fix=fix)
    if isinstance(error, BotoCoreError):
        return Unavailable(f"AWS does not answer: {error}", fix="check the network, retry later")
    return error


def _translate_answer(error: Any) -> NeurovaError:
    code, operation = code_of(error), error.operation_name
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    said = error.response.get("Error", {}).get("Message", "")
    if code in MISSING_QUEUE:
        return MissingQueue("the queue does not exist on SQS", fix="run `neurova bus apply`")
    if code in MISSING_TOPIC and operation == "PublishBatch":
        return MissingTopic("the topic does not exist on SNS", fix="run `neurova bus apply`")
    if any(code.startswith(each) for each in _UNKNOWN):
        return StateError(f"AWS refuses the credentials: {code}", fix="renew them")
    if code in _REFUSED or status == 403:
        fix = "add the permission to the role of the process"
        return StateError(f"AWS does not allow {operation}: {said}", fix=fix)
    if status >= 500 or any(code.startswith(each) for each in _BUSY):
        return Unavailable(f"AWS cannot do {operation} now: {code}", fix="retry later")
    return StateError(f"AWS refuses {operation}: {code}: {said}")
