"""Topics, queues with their dead-letter queues, and the mappings from queues to functions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from neurova.bus.sqs.names import SUBSCRIPTION_ATTRIBUTES, TOPIC_ATTRIBUTES

from ....resource import Resource
from ...base import Health
from ..client import NotFound
from ..manifests import read_attributes
from ..place import TAG
from .base import Plain, foreign

_OURS = ("MessageRetentionPeriod", "MaximumMessageSize", "SqsManagedSseEnabled")
_OF_QUEUES = (*_OURS, "VisibilityTimeout", "RedrivePolicy", "Policy")


class Topics(Plain):
    """The topics to which events are published."""

    def read(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield all topics with our tag."""
        for each in self._client.list("sns", "list_topics", "Topics"):
            arn = each["TopicArn"]
            if not arn.startswith(self._place.arn("sns", f"{self._place.namespace}-")):
                continue
            found = self._client.call("sns", "list_tags_for_resource", ResourceArn=arn)["Tags"]
            if {"Key": TAG, "Value": self._place.namespace} in found:
                name = arn.rpartition(":")[2]
                yield name, {"Name": name}

    def apply(self, resource: Resource) -> None:
        """Create a topic."""
        self._client.call(
            "sns",
            "create_topic",
            Name=resource.name,
            Attributes=TOPIC_ATTRIBUTES,
            Tags=self._context.tag_list,
        )

    def delete(self, name: str) -> None:
        """Delete a topic."""
        self._client.call("sns", "delete_topic", TopicArn=self._place.arn("sns", name))


class Queues(Plain):
    """The queues of subscriptions, each with its dead-letter queue and its topics."""

    def read(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield all queues with our tag."""
        prefix = f"{self._place.namespace}-"
        urls = [*self._client.list("sqs", "list_queues", "QueueUrls", QueueNamePrefix=prefix)]
        names = {url.rpartition("/")[2] for url in urls}
        for url in urls:
            name = url.rpartition("/")[2]
            tags = self._client.call("sqs", "list_queue_tags", QueueUrl=url).get("Tags", {})
            is_dead = name.removesuffix("-dlq") in names - {name}
            if tags.get(TAG) == self._place.namespace and not is_dead:
                yield name, self._read(name)

    def apply(self, resource: Resource) -> None:
        """Create a queue, or update its attributes and subscriptions."""
        dead, wanted = resource.manifest["DeadLetterQueue"], resource.manifest
        self._put(dead["QueueName"], dead["Attributes"])
        self._put(wanted["QueueName"], wanted["Attributes"])
        endpoint = self._place.arn("sqs", resource.name)
        found = self._subscriptions(endpoint)
        for topic in set(wanted["Topics"]) - set(found):
            self._client.call(
                "sns",
                "subscribe",
                TopicArn=self._place.arn("sns", topic),
                Protocol="sqs",
                Endpoint=endpoint,
                Attributes=SUBSCRIPTION_ATTRIBUTES,
            )
        for topic in set(found) - set(wanted["Topics"]):
            self._client.call("sns", "unsubscribe", SubscriptionArn=found[topic])

    def delete(self, name: str) -> None:
        """Delete a queue and its dead-letter queue."""
        for arn in self._subscriptions(self._place.arn("sqs", name)).values():
            self._client.call("sns", "unsubscribe", SubscriptionArn=arn)
        for each in (f"{name}-dlq", name):
            if url := self._url(each):
                self._client.call("sqs", "delete_queue", QueueUrl=url)

    def _read(self, name: str) -> dict[str, Any]:
        dead = f"{name}-dlq"
        return {
            "QueueName": name,
            "Attributes": self._attributes(name, _OF_QUEUES),
            "DeadLetterQueue": {"QueueName": dead, "Attributes": self._attributes(dead, _OURS)},
            "Topics": sorted(self._subscriptions(self._place.arn("sqs", name))),
        }

    def _attributes(self, name: str, keys: tuple[str, ...]) -> dict[str, Any]:
        url = self._url(name)
        if not url:
            return {}
        answer = self._client.call(
            "sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=["All"]
        )
        found = answer.get("Attributes", {})
        return read_attributes({key: found[key] for key in keys if key in found})

    def _put(self, name: str, attributes: Mapping[str, Any]) -> None:
        texts = {
            key: each if isinstance(each, str) else json.dumps(each)
            for key, each in attributes.items()
        }
        if url := self._url(name):
            tags = self._client.call("sqs", "list_queue_tags", QueueUrl=url).get("Tags", {})
            if tags.get(TAG) != self._place.namespace:
                raise foreign(f"Queue/{name}")
            self._client.call("sqs", "set_queue_attributes", QueueUrl=url, Attributes=texts)
        else:
            self._client.call(
                "sqs", "create_queue", QueueName=name, Attributes=texts, tags=self._context.tags
            )

    def _url(self, name: str) -> str:
        try:
            return str(self._client.call("sqs", "get_queue_url", QueueName=name)["QueueUrl"])
        except NotFound:
            return ""

    def _subscriptions(self, endpoint: str) -> dict[str, str]:
        """Return the ARN of each subscription that sends to a queue, by the topic."""
        return {
            each["TopicArn"].rpartition(":")[2]: each["SubscriptionArn"]
            for each in self._client.list("sns", "list_subscriptions", "Subscriptions")
            if each["Endpoint"] == endpoint
        }


class Mappings(Plain):
    """The event source mappings: Lambda receives messages from a queue and invokes the alias.

    The manifests that `read` yields name the function without its alias.
    """

    def read(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the mappings of our functions, by the name of their queue."""
        for each in self._find():
            yield (
                each["EventSourceArn"].rpartition(":")[2],
                {
                    "EventSourceArn": each["EventSourceArn"],
                    "FunctionName": each["FunctionArn"].split(":")[6],
                    "BatchSize": each["BatchSize"],
                    "FunctionResponseTypes": each.get("FunctionResponseTypes") or [],
                    "ScalingConfig": each.get("ScalingConfig") or {},
                },
            )

    def apply(self, resource: Resource) -> None:
        """Create or update a mapping to the alias."""
        function = self._place.alias_arn(resource.manifest["FunctionName"])
        wanted = {**resource.manifest, "FunctionName": function}
        found = self._identifier(resource.name)
        if found:
            wanted.pop("EventSourceArn")
            self._client.call("lambda", "update_event_source_mapping", UUID=found, **wanted)
        else:
            self._client.call(
                "lambda", "create_event_source_mapping", **wanted, Tags=self._context.tags
            )

    def delete(self, name: str) -> None:
        """Delete a mapping."""
        if found := self._identifier(name):
            self._client.call("lambda", "delete_event_source_mapping", UUID=found)

    def health(self, name: str) -> Health:
        """Return whether Lambda receives messages from a queue."""
        arn = self._place.arn("sqs", name)
        states = [each["State"] for each in self._find() if each["EventSourceArn"] == arn]
        if states == ["Enabled"]:
            return Health("ready")
        return Health("waiting", f"the mapping is {', '.join(states) or 'missing'}")

    def _identifier(self, name: str) -> str:
        arn = self._place.arn("sqs", name)
        return next((each["UUID"] for each in self._find() if each["EventSourceArn"] == arn), "")

    def _find(self) -> Iterator[Any]:
        prefix = self._place.arn("lambda", f"function:{self._place.namespace}-")
        found = self._client.list("lambda", "list_event_source_mappings", "EventSourceMappings")
        for each in found:
            if each["FunctionArn"].startswith(prefix) and each["State"] != "Deleting":
                yield each
