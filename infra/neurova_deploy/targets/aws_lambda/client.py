"""Call the APIs of AWS, and translate the errors of boto3."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from neurova.errors import ConfigError, NeurovaError, Unavailable

from ..base import DeployError

_MISSING = re.compile(r"NotFound|NoSuchEntity|NonExistentQueue|QueueDoesNotExist")
_CONFLICT = re.compile(r"Conflict|AlreadyExists|QueueNameExists|ConditionalCheckFailed|InUse")
_THROTTLED = re.compile(
    r"Throttl|TooManyRequests|RequestLimitExceeded|SlowDown|Unavailable|DeletedRecently"
)
_FIXES = (
    (
        re.compile(
            r"ExpiredToken|InvalidClientTokenId|UnrecognizedClient|SignatureDoesNotMatch"
            r"|AuthFailure|InvalidAccessKeyId|InvalidSignature|IncompleteSignature"
        ),
        "the credentials are refused: log in again, so that `aws sts get-caller-identity` works",
    ),
    (
        re.compile(r"AccessDenied|UnauthorizedOperation|AuthorizationError|NotAuthorized"),
        "give your account the permission that the message names",
    ),
    (
        re.compile(r"LimitExceeded|QuotaExceeded|CodeStorageExceeded|OverLimit"),
        "raise the quota in Service Quotas, or delete what is not needed",
    ),
    (re.compile(""), "AWS refuses this: correct the setting that the message names"),
)


class NotFound(DeployError):
    """The resource does not exist."""


class Conflict(DeployError):
    """The resource already exists, is being changed, or was changed by another process."""

    def __init__(self, what: str, *, where: str, fix: str, item: dict[str, Any]) -> None:
        super().__init__(what, where=where, fix=fix)
        self.item = item  # the current item in DynamoDB


class Client:
    """Call AWS in one region, with the credentials that boto3 finds in the environment.

    `seconds`: the longest duration of a Lambda invocation.
    """

    def __init__(self, region: str, seconds: float) -> None:
        try:
            import boto3
            from botocore.config import Config
        except ImportError:
            raise ConfigError(
                "the client of AWS is not installed",
                where="deploy",
                fix='pip install "neurova-platform[aws]"',
            ) from None
        self.region = region
        self._session = boto3.Session()
        self._config = Config(
            retries={"mode": "standard", "total_max_attempts": 5},
            connect_timeout=5,
            read_timeout=30,
        )
        # Do not retry an invocation, because that would start migrations a second time.
        self._config_of_calls = Config(
            retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=seconds + 10
        )
        self._clients: dict[str, Any] = {}

    def call(self, service: str, operation: str, **arguments: Any) -> dict[str, Any]:
        """Return the response of an operation. Raises NeurovaError with the cause and a fix."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            client = self._client(service, is_invocation=operation == "invoke")
            answer: dict[str, Any] = getattr(client, operation)(**arguments)
            return answer
        except ClientError as error:
            raise _error_of(error.response, f"{service} {operation}") from None
        except BotoCoreError as error:
            raise _local_error(error, f"{service} {operation}") from None

    def list(self, service: str, operation: str, key: str, **arguments: Any) -> Iterator[Any]:
        """Yield the items of all pages of an operation. Raises the same errors as `call`."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            client = self._client(service)
            for page in client.get_paginator(operation).paginate(**arguments):
                yield from page.get(key, ())
        except ClientError as error:
            raise _error_of(error.response, f"{service} {operation}") from None
        except BotoCoreError as error:
            raise _local_error(error, f"{service} {operation}") from None

    def _client(self, service: str, *, is_invocation: bool = False) -> Any:
        key = f"{service}{is_invocation}"
        if key not in self._clients:
            config = self._config_of_calls if is_invocation else self._config
            self._clients[key] = self._session.client(
                service, region_name=self.region, config=config
            )
        return self._clients[key]


def _error_of(answer: dict[str, Any], where: str) -> NeurovaError:
    error = answer.get("Error", {})
    code, message = str(error.get("Code", "")), str(error.get("Message", ""))
    what = f"{code}: {message}" if message else code
    if _MISSING.search(code):
        return NotFound(what, where=where)
    if _CONFLICT.search(code):
        item = answer.get("Item", {})
        return Conflict(what, where=where, fix="repeat the command", item=item)
    if _THROTTLED.search(code) or answer["ResponseMetadata"]["HTTPStatusCode"] >= 500:
        fix = "AWS limits calls or is overloaded: repeat the command, it continues"
        return Unavailable(what, where=where, fix=fix)
    fix = next(fix for form, fix in _FIXES if form.search(code))
    return DeployError(what, where=where, fix=fix)


def _local_error(error: Exception, where: str) -> NeurovaError:
    from botocore import exceptions

    logins = (
        exceptions.NoCredentialsError,
        exceptions.PartialCredentialsError,
        exceptions.ProfileNotFound,
        exceptions.CredentialRetrievalError,
        exceptions.TokenRetrievalError,
        exceptions.SSOError,
    )
    if isinstance(error, logins):
        fix = "log in, or set AWS_PROFILE, so that `aws sts get-caller-identity` works"
        return ConfigError(f"no credentials for AWS: {error}", where=where, fix=fix)
    if isinstance(error, exceptions.ParamValidationError):
        fix = "correct the setting that the message names"
        return DeployError(str(error), where=where, fix=fix)
    fix = "check the network and the region, then repeat the command"
    return Unavailable(f"AWS does not respond: {error}", where=where, fix=fix)
