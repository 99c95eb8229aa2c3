"""Generate projects for measurements, with keys in their key stores."""

from __future__ import annotations

import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from neurova_gateway.keys.base import KeyRecord
from neurova_gateway.keys.key import digest, generate
from neurova_gateway.keys.sqlite import SqliteKeyStore

from .load import Request
from .servers import Program

NEUROVA = Path(sys.executable).with_name("neurova")
EXACT = '''@get("{path}", scopes=["bench:read"])
async def {name}() -> dict[str, int]:
    """Answer a number."""
    return {{"n": {number}}}
'''
PARAMETER = '''@get("{path}/{{item}}", scopes=["bench:read"])
async def {name}(item: int) -> dict[str, int]:
    """Answer a number and the requested item."""
    return {{"n": {number}, "item": item}}
'''


@dataclass(frozen=True)
class Endpoint:
    """One generated function; every second function has a path parameter."""

    number: int
    per_service: int = 100

    @property
    def has_parameter(self) -> bool:
        """Return whether its path ends in a parameter."""
        return self.number % 2 == 1

    @property
    def service(self) -> str:
        """Return the name of its service."""
        return f"s{self.number // self.per_service:03}"

    @property
    def name(self) -> str:
        """Return the name of the function and of its file."""
        return f"f{self.number:05}"

    @property
    def file(self) -> str:
        """Return the path of its file in the project."""
        return f"functions/{self.service}/{self.name}.py"

    @property
    def path(self) -> str:
        """Return its route, without the parameter."""
        return f"/{self.service}/{self.name}"

    def request(self, key: str, plus: int = 0) -> Request:
        """Return a call, and its expected response once `source(plus)` is saved."""
        answer = {"n": self.number + plus}
        if not self.has_parameter:
            return Request("GET", self.path, fields=(("X-API-Key", key),), answer=answer)
        answer["item"] = 7
        return Request("GET", f"{self.path}/7", fields=(("X-API-Key", key),), answer=answer)

    def source(self, plus: int = 0) -> str:
        """Return source code that returns the endpoint's number plus `plus`."""
        form = PARAMETER if self.has_parameter else EXACT
        code = form.format(path=self.path, name=self.name, number=self.number + plus)
        return f'"""Generated for a measurement."""\n\nfrom neurova import get\n\n\n{code}'


def endpoints(count: int) -> Iterator[Endpoint]:
    """Yield `count` endpoints, 100 per service."""
    return map(Endpoint, range(count))


@dataclass(frozen=True)
class Project:
    """A project in `folder` with default settings."""

    folder: Path

    @property
    def state(self) -> Path:
        """Return the state folder."""
        return self.folder / ".neurova"

    def __post_init__(self) -> None:
        self.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.folder / "neurova.toml").touch()

    def write(self, file: str, text: str) -> None:
        """Write a file of the project."""
        place = self.folder / file
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)

    def write_endpoints(self, count: int) -> None:
        """Write `count` generated functions, each in one file."""
        for endpoint in endpoints(count):
            self.write(endpoint.file, endpoint.source())

    def key(self, *scopes: str, environment: str = "live", consumer: str = "acme") -> str:
        """Create a key in the store and return it."""
        key = generate(environment)
        store = SqliteKeyStore(self.state / "keys.db")
        try:
            store.add(
                KeyRecord(
                    key_id=f"k_{secrets.token_hex(8)}",
                    consumer=consumer,
                    environment=environment,
                    scopes=frozenset(scopes),
                    created_at=time.time(),
                    digest=digest(key),
                )
            )
        finally:
            store.close()
        return key

    def dev_key(self) -> str:
        """Return the key that `neurova dev` created, "" if there is none yet."""
        with suppress(FileNotFoundError):
            return (self.state / "dev.key").read_text().strip()
        return ""

    def program(self, command: str) -> Program:
        """Return the program `neurova <command>` in this project."""
        ports = {"NEUROVA_GATEWAY_PORT": "{port}", "NEUROVA_ADMIN_PORT": "0"}
        return Program((str(NEUROVA), command), self.folder, ports)
