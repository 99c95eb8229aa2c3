"""The response to a call of the `platform` fixture."""

from __future__ import annotations

import re
from typing import Any

import msgspec

_LINE = re.compile(r"\r\n|\n|\r")
_BLOCK = re.compile(r"\r\n\r\n|\n\n|\r\r")


class ReceivedEvent(msgspec.Struct, frozen=True):
    """Hold one server-sent event; its default name is "message"."""

    data: str
    event: str = "message"
    id: str = ""

    def json(self) -> Any:
        """Return the data, decoded from JSON."""
        return msgspec.json.decode(self.data)


class Response(msgspec.Struct, frozen=True):
    """Hold a response.

    The names in `headers` are lower case. `whole` is False if the stream was truncated.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    whole: bool = True

    def json(self) -> Any:
        """Return the body, decoded from JSON."""
        return msgspec.json.decode(self.body)

    @property
    def text(self) -> str:
        """Return the body as text."""
        return self.body.decode()

    def lines(self) -> list[Any]:
        """Return the records of an application/x-ndjson body."""
        return [msgspec.json.decode(line) for line in self.body.splitlines() if line]

    def events(self) -> list[ReceivedEvent]:
        """Return the events of a text/event-stream body."""
        return parse_events(self.text)


def parse_events(text: str) -> list[ReceivedEvent]:
    """Return the events of a text/event-stream, without comments (WHATWG HTML, 9.2.6)."""
    events = []
    for block in _BLOCK.split(text):
        values: dict[str, list[str]] = {}
        for line in _LINE.split(block):
            name, _, value = line.partition(":")
            values.setdefault(name, []).append(value.removeprefix(" "))
        if "data" in values:
            event, id = (values.get(name, [""])[-1] for name in ("event", "id"))
            events.append(ReceivedEvent("\n".join(values["data"]), event or "message", id))
    return events
