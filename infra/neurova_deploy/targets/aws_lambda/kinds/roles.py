"""The roles of a deployment, each with one policy."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from ....resource import Resource
from ..client import Conflict, NotFound
from .base import Plain, foreign

_POLICY = "neurova"


class Roles(Plain):
    """The roles under the deployment's IAM path."""

    def read(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield all roles under the path."""
        path = self._place.role_path
        for each in self._client.list("iam", "list_roles", "Roles", PathPrefix=path):
            name = each["RoleName"]
            try:
                answer = self._client.call(
                    "iam", "get_role_policy", RoleName=name, PolicyName=_POLICY
                )
                policy = answer["PolicyDocument"]
            except NotFound:
                policy = {}
            yield (
                name,
                {
                    "RoleName": name,
                    "Path": path,
                    "AssumeRolePolicyDocument": each["AssumeRolePolicyDocument"],
                    "Policy": policy,
                },
            )

    def apply(self, resource: Resource) -> None:
        """Create a role, or update its trust policy and its permissions."""
        name, path = resource.name, self._place.role_path
        trust = json.dumps(resource.manifest["AssumeRolePolicyDocument"])
        try:
            self._client.call(
                "iam",
                "create_role",
                RoleName=name,
                Path=path,
                AssumeRolePolicyDocument=trust,
                Tags=self._context.tag_list,
            )
        except Conflict:
            found = self._client.call("iam", "get_role", RoleName=name)["Role"]
            if found["Path"] != path:
                raise foreign(resource.key) from None
            self._client.call(
                "iam", "update_assume_role_policy", RoleName=name, PolicyDocument=trust
            )
        document = json.dumps(resource.manifest["Policy"])
        self._client.call(
            "iam",
            "put_role_policy",
            RoleName=name,
            PolicyName=_POLICY,
            PolicyDocument=document,
        )

    def delete(self, name: str) -> None:
        """Delete a role and its policy."""
        with suppress(NotFound):
            self._client.call("iam", "delete_role_policy", RoleName=name, PolicyName=_POLICY)
        self._client.call("iam", "delete_role", RoleName=name)
