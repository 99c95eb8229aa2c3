"""Send prepared requests with wrk, over keep-alive connections, for a given time."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .servers import pin_to_core

SCRIPT = Path(__file__).with_name("requests.lua")
CONNECTIONS = 32


@dataclass(frozen=True)
class Request:
    """One request and its expected response; if `answer` is None, any body is correct.

    `headers`: lower-case names of headers that the response must contain.
    """

    method: str
    path: str
    body: bytes = b""
    fields: tuple[tuple[str, str], ...] = ()
    status: int = 200
    answer: object = None
    headers: tuple[str, ...] = ()

    def wire(self, host: str) -> bytes:
        """Return the encoded request."""
        fields = [("Host", host), *self.fields]
        if self.body:
            fields.append(("Content-Type", "application/json"))
            fields.append(("Content-Length", str(len(self.body))))
        lines = [f"{self.method} {self.path} HTTP/1.1", *(f"{k}: {v}" for k, v in fields)]
        return "\r\n".join([*lines, "", ""]).encode() + self.body


@dataclass(frozen=True)
class Load:
    """A result; `refused`: responses other than 2xx and 3xx, `broken`: lost connections."""

    requests: int
    seconds: float
    refused: int
    broken: int
    p50_us: int
    p99_us: int


def pack(messages: Iterable[bytes]) -> bytes:
    """Encode the messages for the Lua script."""
    return b"".join(b"%d\n%b" % (len(message), message) for message in messages)


def parse(output: str) -> Load:
    """Parse the result that the Lua script prints as the last line of wrk's output."""
    return Load(**json.loads(output.strip().splitlines()[-1]))


@dataclass(frozen=True)
class Wrk:
    """A load that lasts `seconds`, from one thread on `core` (None: any core)."""

    seconds: float
    core: int | None = None
    connections: int = CONNECTIONS
    binary: str = field(default_factory=lambda: shutil.which("wrk") or "")

    def run(self, port: int, requests: Sequence[Request]) -> Load:
        """Send the requests repeatedly until the time has passed."""
        if not self.binary:
            raise SystemExit("wrk is missing: apt-get install wrk")
        host = f"127.0.0.1:{port}"
        with tempfile.NamedTemporaryFile() as file:
            file.write(pack(request.wire(host) for request in requests))
            file.flush()
            # Raise wrk's default timeout of 2 s, which would count slow calls as lost.
            options = (
                "-t1",
                "--timeout",
                "10s",
                f"-c{self.connections}",
                f"-d{self.seconds:.0f}s",
                "-s",
                str(SCRIPT),
            )
            argv = pin_to_core(
                (self.binary, *options, f"http://{host}/", "--", file.name), self.core
            )
            finished = subprocess.run(argv, capture_output=True, text=True, check=False)
        if finished.returncode:
            raise RuntimeError(f"wrk failed: {finished.stdout}{finished.stderr}")
        return parse(finished.stdout)
