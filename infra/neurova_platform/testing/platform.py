"""A platform that a test calls: whole, in process, its state in a folder, its clock movable."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, unquote

import msgspec

from neurova.testing import Answer
from neurova_gateway.admin.reloads import Reloads
from neurova_gateway.keys.issuer import create
from neurova_gateway.keys.ring import KeyRing
from neurova_gateway.keys.sqlite import SqliteKeyStore
from neurova_gateway.limits.table import Table
from neurova_gateway.pipeline.call_records import CallRecord
from neurova_gateway.plugins.stores import Backends
from neurova_gateway.server.asgi import TruncatedResponse

from ..composition import state
from ..composition.platform import Platform
from ..settings import loading as settings
from .databases import Databases, on_postgres
from .stream import Reading

SECOND = 1_000_000_000
FAR = 1e9  # seconds, some 30 years


class Clock:
    """The time that keys and limits go by: the real one, moved on by `advance`."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def advance(self, seconds: float) -> None:
        """Move the clock on; it never goes back."""
        if not 0 <= seconds < FAR:  # not a NaN either
            raise ValueError(
                f"the clock only goes forward, by less than {FAR:g} s, not by {seconds}"
            )
        self._ahead += seconds

    def time(self) -> float:
        """Return Unix seconds."""
        return time.time() + self._ahead

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return time.monotonic() + self._ahead

    def nanoseconds(self) -> int:
        """Return nanoseconds that never go back."""
        return time.monotonic_ns() + int(self._ahead * SECOND)


class _CollectedRecords:
    """Keep all call records; a `CallSink`."""

    def __init__(self) -> None:
        self.records: list[CallRecord] = []

    def write(self, records: Sequence[CallRecord]) -> None:
        self.records.extend(records)


class TestPlatform:
    """Call a project's functions as clients do; `clock` moves the time of keys and limits.

    Without `key=` a call is made by a key with exactly the `scopes` named; without both, by nobody.
    """

    __test__ = False

    def __init__(self, project: Path, folder: Path, databases: Path) -> None:
        chosen = on_postgres(os.environ)
        loaded = settings.load(project, environ=chosen, flags={"project.state": str(folder)})
        self._databases = Databases(databases, loaded.services)
        # Every database is the test's own, also one that the project keeps elsewhere.
        self.settings = msgspec.structs.replace(loaded, services=self._databases.fresh())
        self.clock = Clock()
        state.prepare(folder)
        self._keys: dict[tuple[str, frozenset[str]], str] = {}
        self._store = SqliteKeyStore(folder / "keys.db")
        self._table = Table(folder / "limits.table", clock=self.clock.nanoseconds)
        ring = KeyRing(self._store, self.clock.monotonic, self.clock.time)
        self._given = Backends(ring, self._table, self.clock.time)
        self._runner = asyncio.Runner()
        self._admin: Any = None
        self.reloads = Reloads()
        self._records = _CollectedRecords()
        self.platform = Platform(
            self.settings,
            environment="test",
            migrate=True,
            sinks=[self._records],
            given=self._given,
        )

    def __enter__(self) -> Self:
        try:
            self._databases.borrow(self.settings)
            self._runner.run(self.platform.start())
        except BaseException:
            self._close()
            raise
        self._databases.lend(self.settings, self.platform.services)
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.run(self.platform.stop())
        self._close()

    def _close(self) -> None:
        self._runner.close()
        self._table.close()
        self._store.close()
        self._databases.drop()

    def key(self, consumer: str = "tester", scopes: Iterable[str] = (), **rights: Any) -> str:
        """Return a new key; `rights` as `neurova_gateway.keys.issuer.create` takes them."""
        return create(self._store, consumer, "test", scopes, now=self.clock.time(), **rights).key

    def admin(
        self,
        method: str,
        path: str,
        *,
        json: Any = msgspec.UNSET,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Ask the Admin API once, with its token unless `headers` say otherwise.

        All calls made before are counted and in the access log.
        """
        from ..admin import token as admin_token
        from ..admin.server import app, of_platform

        token = admin_token.load(self.settings.state)
        if self._admin is None:
            self._admin = app(of_platform(self.platform, self.reloads), token, self.settings)
        said = {"host": "localhost", "authorization": f"Bearer {token}"}
        said |= {name.lower(): value for name, value in (headers or {}).items()}
        fields, body = self._asked(json, body, said, None, "", None)
        self.platform.call_records.flush()
        return self._runner.run(_answer(self._admin, method, path, fields, body))

    def call(self, method: str, path: str, **options: Any) -> Answer:
        """Make one call and return its answer; options as `acall`."""
        return self._runner.run(self.acall(method, path, **options))

    def together(self, calls: Iterable[Any]) -> list[Answer]:
        """Make many `acall`s at the same time and return their answers in order."""

        async def all_of_them() -> list[Answer]:
            return list(await asyncio.gather(*calls))

        return self._runner.run(all_of_them())

    async def acall(
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
    ) -> Answer:
        """Make one call, on the platform's own loop: see `together`."""
        fields, body = self._asked(json, body, headers, key, consumer, scopes)
        return await _answer(self.platform.asgi, method, path, fields, body)

    def stream(
        self,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        key: str | None = None,
        consumer: str = "tester",
        scopes: Sequence[str] | None = None,
    ) -> Reading:
        """GET a path and read its reply while it is made; the end of the block is leaving."""
        fields, body = self._asked(msgspec.UNSET, b"", headers, key, consumer, scopes)
        scope = _scope("GET", path, fields)
        return Reading(self._runner, self.platform.asgi, scope, body)

    def records(self) -> list[CallRecord]:
        """Return the access records of all calls until now."""
        self.platform.call_records.flush()
        return list(self._records.records)

    def _asked(
        self,
        json: Any,
        body: bytes,
        headers: Mapping[str, str] | None,
        key: str | None,
        consumer: str,
        scopes: Sequence[str] | None,
    ) -> tuple[dict[str, str], bytes]:
        fields = {name.lower(): value for name, value in (headers or {}).items()}
        fields.setdefault("host", "test")
        if json is not msgspec.UNSET:
            body = msgspec.json.encode(json)
            fields.setdefault("content-type", "application/json")
        if not isinstance(body, bytes | bytearray | memoryview):
            # Else it would fail where the call is read, and say nothing of the test.
            raise TypeError(
                f"body=: bytes, not {type(body).__name__}: encode a text, or give json="
            )
        if key is None and scopes is not None:
            key = self._kept(consumer, frozenset(scopes))
        if key is not None:
            fields["x-api-key"] = key
        return fields, body

    def get(self, path: str, **options: Any) -> Answer:
        """GET a path; options as `acall`."""
        return self.call("GET", path, **options)

    def post(self, path: str, **options: Any) -> Answer:
        """POST to a path; options as `acall`."""
        return self.call("POST", path, **options)

    def put(self, path: str, **options: Any) -> Answer:
        """PUT to a path; options as `acall`."""
        return self.call("PUT", path, **options)

    def patch(self, path: str, **options: Any) -> Answer:
        """PATCH a path; options as `acall`."""
        return self.call("PATCH", path, **options)

    def delete(self, path: str, **options: Any) -> Answer:
        """DELETE a path; options as `acall`."""
        return self.call("DELETE", path, **options)

    def _kept(self, consumer: str, scopes: frozenset[str]) -> str:
        found = self._keys.get((consumer, scopes))
        if found is None:
            found = self._keys[consumer, scopes] = self.key(consumer, scopes)
        return found


def _scope(method: str, path: str, fields: dict[str, str]) -> dict[str, Any]:
    target, _, query = path.partition("?")
    return {
        "type": "http",
        "method": method,
        "path": unquote(target),
        "raw_path": quote(target, safe="/%!$&'()*+,;=:@").encode(),
        "query_string": quote(query, safe="%=&+!$'()*,;:@/?").encode(),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in fields.items()],
        "client": ("127.0.0.1", 0),
        "http_version": "1.1",
        "scheme": "http",
    }


async def _answer(app: Any, method: str, path: str, fields: dict[str, str], body: bytes) -> Answer:
    scope = _scope(method, path, fields)
    sent: list[dict[str, Any]] = []
    whole, asked = True, False

    async def receive() -> dict[str, Any]:
        nonlocal asked
        if asked:  # it stays
            await asyncio.get_running_loop().create_future()
        asked = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    try:
        await app(scope, receive, send)
    except TruncatedResponse:
        whole = False
    headers = {name.decode(): value.decode("latin-1") for name, value in sent[0]["headers"]}
    content = b"".join(part.get("body", b"") for part in sent[1:])
    return Answer(sent[0]["status"], headers, content, whole)
