"""Functions, and their published versions, which never change."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from ....resource import Resource
from ...base import DeployError
from ..client import Conflict, NotFound
from ..place import ALIAS, TAG
from .base import Context, Plain, foreign

VERSION = "Version"
"""The key, in a manifest that `read` yields, of the hash of the published resource."""
_MARK = "neurova "
_KEPT = 10  # how many versions of a function to keep
_RETENTION = 30  # days to keep logs
_POLL = 1.0
_ROLE_SECONDS = 60.0  # IAM needs some time until a new role can be used everywhere


class Functions(Plain):
    """Publish each wanted state of a function as a version.

    The description of a version is the hash of its resource. `read` yields the version that the
    alias invokes, or the canary's version if there is a canary; it ignores manual changes of
    `$LATEST`, because no call uses them. `found`: the tags of each function of this deployment,
    from the last `scan`.
    """

    def __init__(self, context: Context, extend_lock: Callable[[], None], ready: float) -> None:
        super().__init__(context)
        self._extend_lock, self._ready = extend_lock, ready
        self.found: dict[str, dict[str, str]] = {}

    def scan(self) -> None:
        """Find the functions of this deployment."""
        listed = self._client.list("lambda", "list_functions", "Functions")
        names = [each["FunctionName"] for each in listed]
        tags = {each: self._tags(each) for each in names if self._has_prefix(each)}
        ours = self._context.tags.items()
        self.found = {name: each for name, each in tags.items() if ours <= each.items()}

    def read(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield each function; the manifest of a function without an alias is empty."""
        for name in self.found:
            weights = self.alias(name)
            yield name, self._read_version(name, [*weights][-1]) if weights else {}

    def apply(self, resource: Resource) -> None:
        """Publish a version, unless a version with this state exists."""
        name, wanted = resource.name, resource.manifest
        try:
            self._client.call("lambda", "get_function", FunctionName=name)
        except NotFound:
            self._create(resource)
        else:
            if self._tags(name).get(TAG) != self._place.namespace:
                raise foreign(resource.key)
            numbers = {each: number for number, each in self.versions(name).items()}
            if resource.hash in numbers:
                self._wait(name, numbers[resource.hash])
                return
            code = {"ImageUri": wanted["ImageUri"], "Architectures": wanted["Architectures"]}
            self._change("update_function_code", name, **code)
            self._change("update_function_configuration", name, **_configuration(resource))
        published = self._client.call("lambda", "publish_version", FunctionName=name)
        self._wait(name, published["Version"])

    def delete(self, name: str) -> None:
        """Delete a function with its versions, aliases and logs."""
        group = f"/aws/lambda/{name}"
        with suppress(NotFound):
            self._client.call("logs", "delete_log_group", logGroupName=group)
        self._client.call("lambda", "delete_function", FunctionName=name)

    def _has_prefix(self, name: str) -> bool:
        return name.startswith(f"{self._place.namespace}-")

    def _tags(self, name: str) -> dict[str, str]:
        arn = self._place.arn("lambda", f"function:{name}")
        found: dict[str, str] = self._client.call("lambda", "list_tags", Resource=arn)["Tags"]
        return found

    def versions(self, name: str) -> dict[str, str]:
        """Return the hash of each published version's resource by version number, oldest first.

        A version that was published by hand has a copy of an earlier description, so its hash would
        be wrong: return its number instead.
        """
        found = self._client.list(
            "lambda", "list_versions_by_function", "Versions", FunctionName=name
        )
        hashes: dict[str, str] = {}
        for each in found:
            number, hash_ = each["Version"], each.get("Description", "").removeprefix(_MARK)
            if number != "$LATEST":
                hashes[number] = number if hash_ in hashes.values() else hash_
        return hashes

    def alias(self, name: str) -> dict[str, float]:
        """Return the weight of each version that the alias invokes; the canary is last."""
        try:
            found = self._client.call("lambda", "get_alias", FunctionName=name, Name=ALIAS)
        except NotFound:
            return {}
        others = (found.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
        return {found["FunctionVersion"]: 1 - sum(others.values()), **others}

    def prune(self) -> None:
        """Delete old versions that the alias does not invoke."""
        self.scan()
        for name in self.found:
            serving = self.alias(name)
            for version in [*self.versions(name)][:-_KEPT]:
                if version not in serving:
                    self._client.call(
                        "lambda", "delete_function", FunctionName=name, Qualifier=version
                    )

    def _create(self, resource: Resource) -> None:
        group = f"/aws/lambda/{resource.name}"
        with suppress(Conflict):
            self._client.call(
                "logs", "create_log_group", logGroupName=group, tags=self._context.tags
            )
        self._client.call(
            "logs", "put_retention_policy", logGroupName=group, retentionInDays=_RETENTION
        )
        wanted = resource.manifest
        arguments = {
            **_configuration(resource),
            "PackageType": "Image",
            "Code": {"ImageUri": wanted["ImageUri"]},
            "Architectures": wanted["Architectures"],
            "Tags": self._context.tags,
        }
        deadline = time.monotonic() + _ROLE_SECONDS
        while True:
            try:
                self._change("create_function", resource.name, **arguments)
                return
            except DeployError as error:
                if "cannot be assumed" not in error.what or time.monotonic() > deadline:
                    raise
            self._pause()

    def _change(self, operation: str, name: str, **arguments: Any) -> None:
        """Change `$LATEST`, and wait until the change is complete."""
        self._client.call("lambda", operation, FunctionName=name, **arguments)
        self._wait(name, "$LATEST")

    def _wait(self, name: str, version: str) -> None:
        where = {"FunctionName": name, "Qualifier": version}
        deadline = time.monotonic() + self._ready
        while True:
            found = self._client.call("lambda", "get_function_configuration", **where)
            states = (found.get("State"), found.get("LastUpdateStatus", "Successful"))
            if states in (("Active", "Successful"), ("Inactive", "Successful")):
                return  # AWS makes a function inactive if it is not called for weeks
            reason = found.get("LastUpdateStatusReason") or found.get("StateReason") or states
            if "Failed" in states or time.monotonic() > deadline:
                fix = "correct the image or the setting that the message names"
                raise DeployError(f"not ready: {reason}", where=f"Function/{name}", fix=fix)
            self._pause()

    def _pause(self) -> None:
        self._extend_lock()
        time.sleep(_POLL)

    def _read_version(self, name: str, version: str) -> dict[str, Any]:
        answer = self._client.call("lambda", "get_function", FunctionName=name, Qualifier=version)
        found = answer["Configuration"]
        network = found.get("VpcConfig") or {}
        return {
            VERSION: found.get("Description", "").removeprefix(_MARK),
            "FunctionName": name,
            "Role": found["Role"],
            "ImageUri": answer.get("Code", {}).get("ImageUri", ""),
            "Architectures": found["Architectures"],
            "MemorySize": found["MemorySize"],
            "Timeout": found["Timeout"],
            "Environment": found.get("Environment", {}).get("Variables", {}),
            "VpcConfig": {key: network.get(key) or [] for key in ("SubnetIds", "SecurityGroupIds")},
        }


def _configuration(resource: Resource) -> dict[str, Any]:
    keys = ("Role", "MemorySize", "Timeout", "VpcConfig")
    found = {key: resource.manifest[key] for key in keys}
    environment = {"Variables": resource.manifest["Environment"]}
    return {**found, "Environment": environment, "Description": f"{_MARK}{resource.hash}"}
