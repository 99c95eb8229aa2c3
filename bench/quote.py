"""The measured call: `POST /quote` with a validated JSON body and 146 bytes of JSON in reply."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from neurova_gateway.keys.key import generate

from . import peers
from .load import Request
from .project import Project
from .rounds import Contender

STAY: dict[str, object] = {
    "room_type": "d",
    "arrival": "2027-03-14",
    "nights": 3,
    "guests": 2,
}
ANSWER = {
    **STAY,
    "rate_cents": 11950,
    "total_cents": 35850,
    "currency": "EUR",
    "cancel_until": "2027-03-07",
}
SCOPE = "quote:read"

FUNCTION = '''"""Price a stay."""

from datetime import date, timedelta
from typing import Annotated, Literal

import msgspec
from neurova import post

RATES = {"a": 7500, "b": 8250, "c": 9900, "d": 11950, "e": 13400, "f": 15800}


class Stay(msgspec.Struct):
    """The requested stay."""

    room_type: Literal["a", "b", "c", "d", "e", "f"]
    arrival: date
    nights: Annotated[int, msgspec.Meta(ge=1, le=365)]
    guests: Annotated[int, msgspec.Meta(ge=1, le=20)]


class Quote(msgspec.Struct):
    """Its price."""

    room_type: str
    arrival: date
    nights: int
    guests: int
    rate_cents: int
    total_cents: int
    currency: str
    cancel_until: date


@post("/quote", scopes=["quote:read"], limit="10000000/minute, 1000000000/day", status=200)
async def quote(stay: Stay) -> Quote:
    """Price a stay."""
    rate = RATES[stay.room_type]
    return Quote(
        stay.room_type,
        stay.arrival,
        stay.nights,
        stay.guests,
        rate,
        rate * stay.nights,
        "EUR",
        stay.arrival - timedelta(days=7),
    )
'''
"""The measured function; its limit is above the load, so all calls are counted, none refused."""
LOGGING_FUNCTION = (
    FUNCTION.replace("import post", "import Log, post")
    .replace("(stay: Stay)", "(stay: Stay, log: Log)")
    .replace(
        "    rate =",
        '    log.info("priced", room_type=stay.room_type, nights=stay.nights)\n    rate =',
    )
)


def request(key: str | None = None, **other: object) -> Request:
    """Return the call; `other` replaces parts of the stay."""
    fields = () if key is None else (("X-API-Key", key),)
    return Request("POST", "/quote", json.dumps(STAY | other).encode(), fields, 200, ANSWER)


def refusals(key: str, unscoped: str | None = None) -> tuple[Request, ...]:
    """Return calls that must be refused: without key, unknown key, invalid body, missing scope."""
    body = json.dumps(STAY).encode()
    bad = json.dumps(STAY | {"nights": 0}).encode()
    requests = [
        Request("POST", "/quote", body, (), 401),
        Request("POST", "/quote", body, (("X-API-Key", generate("live")),), 401),
        Request("POST", "/quote", bad, (("X-API-Key", key),), 422),
    ]
    if unscoped:
        requests.append(Request("POST", "/quote", body, (("X-API-Key", unscoped),), 403))
    return tuple(requests)


@contextmanager
def neurova(*, logs: bool = False) -> Iterator[Contender]:
    """Yield the full call in a project with default settings; `logs`: it also writes a log line."""
    with tempfile.TemporaryDirectory(prefix="neurova-bench-") as folder:
        project = Project(Path(folder))
        project.write("functions/quotes/quote.py", LOGGING_FUNCTION if logs else FUNCTION)
        key, unscoped = project.key(SCOPE), project.key("other:read")
        call = replace(request(key), headers=("ratelimit", "ratelimit-policy"))
        name = "neurova, observed" if logs else "neurova"
        yield Contender(name, project.program("run"), (call,), refusals(key, unscoped))
        if b'"route":"quotes.quote"' not in (project.state / "logs" / "access.jsonl").read_bytes():
            raise RuntimeError("no access record was written: this was not a full call")
        if logs and b'"priced"' not in (project.state / "logs" / "neurova.jsonl").read_bytes():
            raise RuntimeError("no log line was written")


def raw_asgi(name: str = "raw ASGI", *more: str) -> Contender:
    """Return an empty ASGI call on stock uvicorn, uvloop and httptools."""
    return Contender(name, peers.uvicorn(sys.executable, "raw_asgi", *more), (request(),))


@contextmanager
def fastapi() -> Iterator[Contender]:
    """Yield FastAPI with API key, slowapi, OpenTelemetry and loguru."""
    key = generate("live")
    with tempfile.TemporaryDirectory(prefix="neurova-bench-") as folder:
        env = {"BENCH_KEY": key, "BENCH_LOG": str(Path(folder) / "calls.jsonl")}
        program = peers.uvicorn(
            peers.python("fastapi_stack"), "fastapi_stack", "--no-proxy-headers", env=env
        )
        yield Contender("FastAPI stack", program, (request(key),), refusals(key))


def functions_framework() -> Contender:
    """Return functions-framework without gateway features."""
    argv = ("-m", "functions_framework", "--target", "quote", "--port", "{port}")
    program = peers.program("functions_framework", *argv, "--host", "127.0.0.1")
    return Contender("functions-framework", program, (request(),))


def openfaas() -> Contender:
    """Return OpenFaaS's python3-http template without gateway features."""
    return Contender(
        "OpenFaaS python3-http", peers.program("openfaas", "index.py", "{port}"), (request(),)
    )
