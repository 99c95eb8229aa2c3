"""The alias of each function, which selects the version that serves, and the migrations."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from neurova.functions.descriptions import HEALTH_PATH

from ....resource import Resource
from ...base import DeployError, Health
from ..client import Client
from ..place import ALIAS
from .base import Context, Plain
from .functions import Functions

_MIGRATED = "neurova:migrated"


class Aliases(Plain):
    """Distribute the calls of an alias among versions; refuse a version that is not healthy."""

    def __init__(self, context: Context, functions: Functions) -> None:
        super().__init__(context)
        self._functions = functions

    def read(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the alias of each function that has one."""
        for name in self._functions.found:
            weights = self._functions.alias(name)
            if weights:
                hashes = self._functions.versions(name)
                first, *others = weights
                yield (
                    name,
                    {
                        "FunctionName": name,
                        "Name": ALIAS,
                        "Version": hashes.get(first, first),
                        "Weights": {hashes.get(each, each): weights[each] for each in others},
                    },
                )

    def apply(self, resource: Resource) -> None:
        """Point the alias to new versions. Raises DeployError if one of them is not healthy."""
        name, wanted = resource.name, resource.manifest
        numbers = {hash_: number for number, hash_ in self._functions.versions(name).items()}
        main = numbers[wanted["Version"]]
        others = {numbers[each]: weight for each, weight in wanted["Weights"].items()}
        before = self._functions.alias(name)
        for number in (main, *others):
            if number not in before:
                health = check_health(self._client, name, number)
                if health.state == "failed":
                    fix = "see its logs, correct the cause and deploy again"
                    what = f"version {number} is not healthy: {health.reason}"
                    raise DeployError(what, where=resource.key, fix=fix)
        operation = "update_alias" if before else "create_alias"
        self._client.call(
            "lambda",
            operation,
            FunctionName=name,
            Name=ALIAS,
            FunctionVersion=main,
            RoutingConfig={"AdditionalVersionWeights": others},
        )

    def delete(self, name: str) -> None:
        """Delete an alias."""
        self._client.call("lambda", "delete_alias", FunctionName=name, Name=ALIAS)

    def health(self, name: str) -> Health:
        """Return the health of the versions that the alias invokes."""
        for number in self._functions.alias(name):
            health = check_health(self._client, name, number)
            if health.state == "failed":
                return health
        return Health("ready")


class Migrations(Plain):
    """Run migrations with the new version; a tag of the function records the migrated state."""

    def __init__(self, context: Context, functions: Functions) -> None:
        super().__init__(context)
        self._functions = functions

    def read(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the last migration of each function."""
        for name, tags in self._functions.found.items():
            if found := tags.get(_MIGRATED):
                yield f"{name}-{found}", {"FunctionName": name}

    def apply(self, resource: Resource) -> None:
        """Run the migration with the new version. Raises DeployError if it fails."""
        name = resource.manifest["FunctionName"]
        hashes = self._functions.versions(name)
        number = next(n for n, each in hashes.items() if each == resource.manifest["Version"])
        failure, _ = invoke(self._client, name, number, {"neurova": "migrate"})
        if failure:
            fix = "see the logs of the function, correct the migration and deploy again"
            raise DeployError(f"the migration failed: {failure}", where=resource.key, fix=fix)
        tags = {_MIGRATED: resource.name.removeprefix(f"{name}-")}
        self._client.call("lambda", "tag_resource", Resource=self._arn(name), Tags=tags)

    def delete(self, name: str) -> None:
        """Delete the record of a migration; the tables stay as they are."""
        function = name.rpartition("-")[0]
        self._client.call(
            "lambda", "untag_resource", Resource=self._arn(function), TagKeys=[_MIGRATED]
        )

    def _arn(self, function: str) -> str:
        return self._place.arn("lambda", f"function:{function}")


def check_health(client: Client, function: str, version: str) -> Health:
    """Return the health of a version: whether it responds to a request for the health path."""
    http = {"method": "GET", "path": HEALTH_PATH, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1"}
    event = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": HEALTH_PATH,
        "rawQueryString": "",
        "headers": {"host": "localhost"},
        "requestContext": {"http": http, "stage": "$default", "domainName": "localhost"},
        "isBase64Encoded": False,
    }
    failure, answer = invoke(client, function, version, event)
    if not failure and isinstance(answer, dict) and answer.get("statusCode", 200) >= 500:
        failure = f"GET {HEALTH_PATH} answers {answer['statusCode']}: {answer.get('body', '')}"
    return Health("failed", failure[:500]) if failure else Health("ready")


def invoke(client: Client, function: str, version: str, event: dict[str, Any]) -> tuple[str, Any]:
    """Invoke a version; return the error ("" for success), and the result of the function."""
    answer = client.call(
        "lambda",
        "invoke",
        FunctionName=function,
        Qualifier=version,
        Payload=json.dumps(event).encode(),
    )
    payload = answer["Payload"].read()
    try:
        result = json.loads(payload or b"null")
    except ValueError:
        return f"its answer is no JSON: {payload[:200]!r}", None
    if not answer.get("FunctionError"):
        return "", result
    about = result if isinstance(result, dict) else {}
    return str(about.get("errorMessage") or about.get("errorType") or "it ended"), result
