"""The releases of a deployment, and its lock, in a table of DynamoDB."""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import msgspec

from neurova.errors import ConfigError

from ...record import Content, Head
from ..base import DeployError
from .client import Client, Conflict, NotFound

_PART = 300_000
"""The maximum bytes of one part of a release; DynamoDB limits an item to 400 KB."""
_RENEW = 10.0
_FREE = "attribute_not_exists(holder) OR holder = :me OR expires < :now"


class Releases:
    """Read and write the releases of one deployment.

    The table's key has two string attributes, `deployment` and `item`. The items are "lock",
    "head#…" and "part#…#…".
    """

    def __init__(self, client: Client, table: str, deployment: str) -> None:
        self._client, self._table, self._deployment = client, table, deployment

    def check(self, environment: str) -> None:
        """Raise ConfigError if the table does not exist."""
        try:
            self._client.call("dynamodb", "describe_table", TableName=self._table)
        except NotFound:
            keys = ("deployment", "item")
            names = " ".join(f"AttributeName={key},AttributeType=S" for key in keys)
            types = ("HASH", "RANGE")
            schema = " ".join(
                f"AttributeName={key},KeyType={each}" for key, each in zip(keys, types, strict=True)
            )
            raise ConfigError(
                f"the table {self._table} does not exist in {self._client.region}",
                where=f"deploy.{environment}.state_table",
                fix=f"aws dynamodb create-table --region {self._client.region}"
                f" --table-name {self._table} --billing-mode PAY_PER_REQUEST"
                f" --attribute-definitions {names} --key-schema {schema}",
            ) from None

    def heads(self) -> list[Head]:
        """Return the releases, oldest first."""
        found = self._query("head#")
        return [msgspec.json.decode(each["head"]["S"], type=Head) for each in found]

    def read(self, number: int) -> Content:
        """Return the resources of a release."""
        packed = b"".join(each["content"]["B"] for each in self._query(f"part#{number:06}#"))
        try:
            return Content.decode(packed)
        except (ValueError, OSError, EOFError) as error:
            raise DeployError(
                f"release {number} is damaged: {error}",
                where=f"table {self._table}",
                fix="deploy again: a deployment needs no earlier release",
            ) from None

    def write(self, head: Head, content: Content | None = None) -> None:
        """Store a release: its parts, then its head."""
        if content is not None:
            packed = content.encode()
            for start in range(0, len(packed), _PART):
                name = f"part#{head.number:06}#{start:09}"
                self._put(name, {"content": {"B": packed[start : start + _PART]}})
        text = msgspec.json.encode(head).decode()
        self._put(f"head#{head.number:06}", {"head": {"S": text}})

    def forget(self, numbers: Sequence[int]) -> None:
        """Delete releases."""
        for number in numbers:
            for prefix in (f"head#{number:06}", f"part#{number:06}#"):
                for each in self._query(prefix):
                    key = {name: each[name] for name in ("deployment", "item")}
                    self._client.call("dynamodb", "delete_item", TableName=self._table, Key=key)

    def _put(self, name: str, values: dict[str, Any]) -> None:
        item = {"deployment": {"S": self._deployment}, "item": {"S": name}, **values}
        self._client.call("dynamodb", "put_item", TableName=self._table, Item=item)

    def _query(self, prefix: str) -> list[Any]:
        found = self._client.list(
            "dynamodb",
            "query",
            "Items",
            TableName=self._table,
            KeyConditionExpression="deployment = :deployment AND begins_with(#item, :prefix)",
            ExpressionAttributeNames={"#item": "item"},
            ExpressionAttributeValues={
                ":deployment": {"S": self._deployment},
                ":prefix": {"S": prefix},
            },
            ConsistentRead=True,
        )
        return [*found]


class Lock:
    """Allow only one process at a time to change a deployment; the lock expires after `seconds`."""

    def __init__(self, client: Client, table: str, deployment: str, seconds: int) -> None:
        self._client, self._table, self._deployment = client, table, deployment
        self._seconds = seconds
        self._me = f"{socket.gethostname()} {os.getpid()} {secrets.token_hex(4)}"
        self._who, self._renewed = "", 0.0

    def extend(self) -> None:
        """Extend the lock, if this process holds it. Raises the same errors as `take`."""
        if self._renewed:
            self.take(self._who)

    def take(self, who: str) -> None:
        """Take the lock, or extend it. Raises DeployError if another process holds it."""
        self._who, now = who, time.time()
        if now < self._renewed + _RENEW:
            return
        item = {
            "deployment": {"S": self._deployment},
            "item": {"S": "lock"},
            "holder": {"S": self._me},
            "who": {"S": who},
            "expires": {"N": str(round(now + self._seconds))},
        }
        try:
            self._client.call(
                "dynamodb",
                "put_item",
                TableName=self._table,
                Item=item,
                ConditionExpression=_FREE,
                ExpressionAttributeValues={":me": {"S": self._me}, ":now": {"N": str(round(now))}},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except Conflict as error:
            self._renewed = 0.0
            raise self._held_error(error.item) from None
        self._renewed = now

    def release(self) -> None:
        """Release the lock, if this process holds it."""
        if self._renewed:
            self._renewed = 0.0
            with suppress(Conflict, NotFound):
                self._client.call(
                    "dynamodb",
                    "delete_item",
                    TableName=self._table,
                    Key={"deployment": {"S": self._deployment}, "item": {"S": "lock"}},
                    ConditionExpression="holder = :me",
                    ExpressionAttributeValues={":me": {"S": self._me}},
                )

    def _held_error(self, item: dict[str, Any]) -> DeployError:
        who = ", ".join(item[name]["S"] for name in ("who", "holder") if name in item)
        until = float(item.get("expires", {}).get("N", 0))
        text = f" (until {datetime.fromtimestamp(until, UTC):%H:%M:%S} UTC)" if until else ""
        return DeployError(
            f"another deployment runs: {who or 'another process'}{text}",
            where=f"table {self._table}",
            fix=f"wait until it ends; if it was killed, its lock expires after {self._seconds} s",
        )
