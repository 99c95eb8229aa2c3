"""What tests are written with: the `platform` fixture as a type, and what its calls give back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import msgspec

_LINE = re.compile(r"\r\n|\n|\r")
_BLOCK = re.compile(r"\r\n\r\n|\n\n|\r\r")


class Heard(msgspec.Struct, frozen=True):
    """A server-sent event as its reader has it; `event` is "message" when it has no name."""

    data: str
    event: str = "message"
    id: str = ""

    def json(self) -> Any:
        """Return the data, read as JSON."""
        return msgspec.json.decode(self.data)


def heard(text: str) -> list[Heard]:
    """Return the events of a whole text/event-stream; comments are none (WHATWG HTML, 9.2.6)."""
    found = []
    for block in _BLOCK.split(text):
        said: dict[str, list[str]] = {}
        for line in _LINE.split(block):
            name, _, value = line.partition(":")
            said.setdefault(name, []).append(value.removeprefix(" "))
        if "data" in said:
            event, id = (said.get(name, [""])[-1] for name in ("event", "id"))
            found.append(Heard("\n".join(said["data"]), event or "message", id))
    return found


class Answer(msgspec.Struct, frozen=True):
    """A reply: `headers` by lower-case name; `whole`: a streamed body was not cut short."""

    status: int
    headers: dict[str, str]
    body: bytes
    whole: bool = True

    def json(self) -> Any:
        """Return the body, read as JSON."""
        return msgspec.json.decode(self.body)

    @property
    def text(self) -> str:
        """Return the body as text."""
        return self.body.decode()

    def lines(self) -> list[Any]:
        """Return the records of application/x-ndjson."""
        return [msgspec.json.decode(line) for line in self.body.splitlines() if line]

    def events(self) -> list[Heard]:
        """Return the events of text/event-stream."""
        return heard(self.text)


class Clock(Protocol):
    """The time that keys and limits go by."""

    def advance(self, seconds: float) -> None:
        """Move the clock on; it never goes back."""


class Reading(Protocol):
    """A stream that is being read; its items are records, events, or pieces of octets."""

    status: int
    headers: dict[str, str]

    def __iter__(self) -> Iterator[Any]:
        """Read it item by item."""

    def __next__(self) -> Any:
        """Return the next item, when the function has made it."""


class Record(Protocol):
    """An access record of one call: `ms` milliseconds, `bytes` of its body."""

    @property
    def method(self) -> str:
        """Return the method."""

    @property
    def path(self) -> str:
        """Return the raw path."""

    @property
    def status(self) -> int:
        """Return the status; 499: the client had left."""

    @property
    def ms(self) -> float:
        """Return how long it took."""

    @property
    def bytes(self) -> int:
        """Return how much was sent."""

    @property
    def route(self) -> str:
        """Return `service.function`."""

    @property
    def consumer(self) -> str:
        """Return who called, "" for nobody."""


class Platform(Protocol):
    """The `platform` fixture.

    Calls take `json=` or `body=`, `headers=`, and who calls: `scopes=` and `consumer=`, or `key=`.
    """

    @property
    def clock(self) -> Clock:
        """Return the clock of keys and limits."""

    def call(self, method: str, path: str, **options: Any) -> Answer:
        """Make one call and return its answer."""

    def get(self, path: str, **options: Any) -> Answer:
        """GET a path."""

    def post(self, path: str, **options: Any) -> Answer:
        """POST to a path."""

    def put(self, path: str, **options: Any) -> Answer:
        """PUT to a path."""

    def patch(self, path: str, **options: Any) -> Answer:
        """PATCH a path."""

    def delete(self, path: str, **options: Any) -> Answer:
        """DELETE a path."""

    def stream(
        self,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        key: str | None = None,
        consumer: str = "tester",
        scopes: Sequence[str] | None = None,
    ) -> AbstractContextManager[Reading]:
        """GET a path and read its reply while it is made; the end of the block is leaving."""

    def acall(
        self,
        method: str,
        path: str,
        *,
        json: Any = msgspec.UNSET,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        key: str | None = None,
        consumer: str = "tester",
        scopes: Sequence[str] | None = None,
    ) -> Any:
        """Return a call that has not begun, for `together`."""

    def together(self, calls: Iterable[Any]) -> list[Answer]:
        """Make calls at the same time and return their answers in order."""

    def key(self, consumer: str = "tester", scopes: Iterable[str] = (), **rights: Any) -> str:
        """Return a new key."""

    def admin(
        self,
        method: str,
        path: str,
        *,
        json: Any = msgspec.UNSET,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Ask the Admin API once, with its token unless `headers` say otherwise."""

    def records(self) -> Sequence[Record]:
        """Return the access records of all calls until now."""
