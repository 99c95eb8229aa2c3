"""Call SQS with batches of messages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ...errors import StateError, Unavailable
from .api import Api, MissingQueue
from .messages import BATCH, Handle, Outgoing, batches

_NUMBERS = tuple(f"ApproximateNumberOfMessages{kind}" for kind in ("", "NotVisible", "Delayed"))


class Queues:
    """Send and receive messages of queues; names are SQS names. Raises NeurovaError."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._urls: dict[str, str] = {}

    async def url(self, name: str) -> str:
        """Return the URL of a queue. Raises MissingQueue."""
        if name not in self._urls:
            try:
                answer = await self._call("get_queue_url", QueueName=name)
            except MissingQueue as error:
                raise MissingQueue(error.what, where=f"SQS queue {name}", fix=error.fix) from error
            self._urls[name] = answer["QueueUrl"]
        return self._urls[name]

    async def exists(self, name: str) -> bool:
        """Return whether the queue exists."""
        try:
            await self.url(name)
        except MissingQueue:
            return False
        return True

    async def send(self, name: str, outgoing: Iterable[Outgoing]) -> None:
        """Send messages in batches, and wait until SQS has accepted all of them."""
        for batch in batches(outgoing):
            entries = [
                {
                    "MessageBody": each.body,
                    "MessageAttributes": each.attributes,
                    "DelaySeconds": each.delay,
                }
                for each in batch
            ]
            await self._change("send_message_batch", await self.url(name), entries)

    async def receive(self, url: str, limit: int, *, hidden: int, wait: int) -> list[Any]:
        """Wait for messages; return at most `limit`, which SQS then hides for `hidden` seconds."""
        answer = await self._call(
            "receive_message",
            QueueUrl=url,
            MaxNumberOfMessages=min(limit, BATCH),
            VisibilityTimeout=hidden,
            WaitTimeSeconds=wait,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["SentTimestamp"],
        )
        return list(answer.get("Messages", ()))

    async def hide(self, handles: Iterable[Handle], seconds: int) -> None:
        """Hide messages for some seconds; skip messages that SQS has delivered again."""
        method = "change_message_visibility_batch"
        for url, entries in _group(handles, {"VisibilityTimeout": seconds}):
            await self._change(method, url, entries, is_checked=False)

    async def delete(self, handles: Iterable[Handle]) -> None:
        """Delete messages."""
        for url, entries in _group(handles, {}):
            await self._change("delete_message_batch", url, entries)

    async def count(self, name: str) -> list[int]:
        """Return the approximate numbers of visible, hidden and delayed messages."""
        url = await self.url(name)
        answer = await self._call("get_queue_attributes", QueueUrl=url, AttributeNames=_NUMBERS)
        return [int(answer["Attributes"][each]) for each in _NUMBERS]

    async def _change(
        self, method: str, url: str, entries: Sequence[dict[str, Any]], *, is_checked: bool = True
    ) -> None:
        numbered = [{"Id": str(index), **each} for index, each in enumerate(entries)]
        answer = await self._call(method, QueueUrl=url, Entries=numbered)
        if is_checked:
            check_batch(answer, url)

    async def _call(self, method: str, **arguments: Any) -> Any:
        def call() -> Any:
            return getattr(self._api.client("sqs"), method)(**arguments)

        return await self._api.call(call, is_poll=method == "receive_message")


def check_batch(answer: dict[str, Any], where: str) -> None:
    """Raise NeurovaError if AWS refused a message of a batch."""
    for each in answer.get("Failed", ()):
        what = f"AWS refuses a message: {each['Code']}: {each.get('Message', '')}"
        raise (StateError if each.get("SenderFault") else Unavailable)(what, where=where)


def _group(
    handles: Iterable[Handle], options: dict[str, Any]
) -> Iterable[tuple[str, list[dict[str, Any]]]]:
    """Yield the entries of each call: at most BATCH messages of one queue."""
    queues: dict[str, list[dict[str, Any]]] = {}
    for each in handles:
        queues.setdefault(each.url, []).append({"ReceiptHandle": each.receipt, **options})
    for url, entries in queues.items():
        for start in range(0, len(entries), BATCH):
            yield url, entries[start : start + BATCH]
