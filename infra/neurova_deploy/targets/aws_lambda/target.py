"""AWS Lambda as a target: it finds resources by tag, and stores its state in DynamoDB."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from neurova.errors import ConfigError

from ...project import Project
from ...resource import Resource
from ..base import Found, Health
from .client import Client, NotFound
from .kinds.base import Context, Kind
from .kinds.fronts import Apis, FunctionUrls
from .kinds.functions import VERSION, Functions
from .kinds.queues import Mappings, Queues, Topics
from .kinds.roles import Roles
from .kinds.schedules import Schedules
from .kinds.versions import Aliases, Migrations
from .place import place_of
from .releases import Lock, Releases

_LOCK_MARGIN = 30  # seconds; the lock outlives the longest call, an invocation, by this margin


class LambdaTarget:
    """Apply resources in one region of one account."""

    kinds_with_health = frozenset({"Alias", "EventSourceMapping", "Api", "FunctionUrl"})
    kinds_needed = frozenset({"Queue", "Role", "Topic"})

    def __init__(self, project: Project) -> None:
        deploy, self._project = project.deploy, project
        place = place_of(project)
        self._client = Client(deploy.region, deploy.timeout)
        self._releases = Releases(self._client, deploy.state_table, place.namespace)
        seconds = deploy.timeout + _LOCK_MARGIN
        self._lock = Lock(self._client, deploy.state_table, place.namespace, seconds)
        self.heads, self.read_content = self._releases.heads, self._releases.read
        self.write_release = self._releases.write
        self.lock, self.unlock = self._lock.take, self._lock.release
        context = Context(self._client, place)
        self._functions = functions = Functions(context, self._lock.extend, deploy.ready)
        self._kinds: dict[str, Kind] = {
            "Topic": Topics(context),
            "Queue": Queues(context),
            "Role": Roles(context),
            "Function": functions,
            "Migration": Migrations(context, functions),
            "Alias": Aliases(context, functions),
            "EventSourceMapping": Mappings(context),
            "Schedule": Schedules(context),
            "Api": Apis(context),
            "FunctionUrl": FunctionUrls(context, functions),
        }

    def check(self) -> str:
        """Return one line about the account.

        Raises NeurovaError for wrong credentials or a missing table.
        """
        deploy = self._project.deploy
        found = self._client.call("sts", "get_caller_identity")["Account"]
        if found != deploy.account:
            raise ConfigError(
                f"the credentials are of the account {found}, not of {deploy.account}",
                where=f"deploy.{self._project.environment}.account",
                fix="set AWS_PROFILE to the credentials of that account, or correct `account`",
            )
        self._releases.check(self._project.environment)
        return f"the account {found} and the table {deploy.state_table} are there"

    def read(self) -> Mapping[str, Found]:
        """Return all resources of the deployment, by key."""
        self._functions.scan()
        return {
            f"{kind}/{name}": Found(manifest, "")
            for kind, each in self._kinds.items()
            for name, manifest in each.read()
        }

    def preview(self, resource: Resource) -> dict[str, Any]:
        """Return the manifest of a resource in the format that `read` returns."""
        if resource.kind == "Function":
            return {**resource.manifest, VERSION: resource.hash}
        return resource.manifest

    def apply(self, resource: Resource) -> None:
        """Create or update a resource."""
        self._kinds[resource.kind].apply(resource)

    def delete(self, key: str) -> None:
        """Delete a resource, if it exists."""
        kind, _, name = key.partition("/")
        with suppress(NotFound):
            self._kinds[kind].delete(name)

    def health(self, key: str) -> Health:
        """Return the health of a resource."""
        kind, _, name = key.partition("/")
        return self._kinds[kind].health(name)

    def forget_releases(self, numbers: Sequence[int]) -> None:
        """Delete releases, and old versions of functions."""
        self._functions.prune()
        self._releases.forget(numbers)
