"""Schedules of EventBridge Scheduler, in the schedule group of the deployment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ....resource import Resource
from ..client import NotFound
from .base import Plain

_KEYS = ("Name", "ScheduleExpression", "ScheduleExpressionTimezone", "Target")


class Schedules(Plain):
    """The schedules that invoke functions; deleting the last schedule deletes the group, too."""

    def read(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield all schedules of the group."""
        for name in self._names():
            found = self._client.call("scheduler", "get_schedule", **self._key(name))
            yield name, {key: found[key] for key in _KEYS}

    def apply(self, resource: Resource) -> None:
        """Create or update a schedule."""
        group = self._place.namespace
        try:
            self._client.call("scheduler", "get_schedule_group", Name=group)
        except NotFound:
            self._client.call(
                "scheduler", "create_schedule_group", Name=group, Tags=self._context.tag_list
            )
        exists = resource.name in self._names()
        self._client.call(
            "scheduler",
            "update_schedule" if exists else "create_schedule",
            GroupName=group,
            FlexibleTimeWindow={"Mode": "OFF"},
            **resource.manifest,
        )

    def delete(self, name: str) -> None:
        """Delete a schedule."""
        self._client.call("scheduler", "delete_schedule", **self._key(name))
        if not self._names():
            group = self._place.namespace
            self._client.call("scheduler", "delete_schedule_group", Name=group)

    def _names(self) -> list[str]:
        group = self._place.namespace
        try:
            found = self._client.list("scheduler", "list_schedules", "Schedules", GroupName=group)
            return [each["Name"] for each in found]
        except NotFound:
            return []

    def _key(self, name: str) -> dict[str, str]:
        return {"GroupName": self._place.namespace, "Name": name}
