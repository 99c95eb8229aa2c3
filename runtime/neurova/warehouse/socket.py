"""Let other processes query the warehouse through a socket of the process that writes it.

DuckDB lets no other process open a file that is being written. The socket is a file that only its
owner may open. A call is one line of JSON, and so is its answer.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from ..errors import NeurovaError, StateError, Unavailable
from .archive import DayCheck
from .base import QueryRefused, QueryStopped, Result
from .operations import RETURNS, LocalOperations, Operations, Request, TableState

CALLS = 4
"""Calls that run at once; further ones wait."""
MAX_REQUEST = 1 << 20
OPERATION_TIMEOUT = 600.0  # seconds, for operations other than queries
_ERRORS = {each.__name__: each for each in (QueryRefused, QueryStopped, StateError, Unavailable)}


class _Answer(msgspec.Struct):
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: tuple[str, str, str, str] | None = None


@asynccontextmanager
async def serve(path: Path, operations: LocalOperations) -> AsyncIterator[None]:
    """Serve the operations on a socket at `path`; replace an existing file."""
    threads = ThreadPoolExecutor(CALLS, "warehouse")
    loop = asyncio.get_running_loop()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, EOFError, ValueError):  # disconnected, or an invalid line
            line = await reader.readuntil(b"\n")
            writer.write(await loop.run_in_executor(threads, _answer, operations, line) + b"\n")
            await writer.drain()
        writer.close()

    listener = _listen(path)
    server = await asyncio.start_unix_server(handle, sock=listener, limit=MAX_REQUEST)
    try:
        yield
    finally:
        server.close()
        os.unlink(path)
        threads.shutdown(wait=False, cancel_futures=True)


def _listen(path: Path) -> socket.socket:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    mask = os.umask(0o177)
    try:
        with _address(path) as address:
            listener.bind(address)
    finally:
        os.umask(mask)
    return listener


def _answer(operations: Operations, line: bytes) -> bytes:
    try:
        request = msgspec.json.decode(line, type=Request)
        if request.operation not in RETURNS:
            raise QueryRefused(f"there is no operation {request.operation!r}")
        arguments = dict(request.arguments)
        if "file" in arguments:
            arguments["file"] = Path(arguments["file"])
        result = getattr(operations, request.operation)(**arguments)
        return msgspec.json.encode(_Answer(msgspec.Raw(_ENCODER.encode(result))))
    except NeurovaError as error:
        kind = next((k for k, each in _ERRORS.items() if isinstance(error, each)), "StateError")
        return msgspec.json.encode(_Answer(error=(kind, error.what, error.where, error.fix)))
    except (msgspec.DecodeError, TypeError) as error:
        return msgspec.json.encode(_Answer(error=("QueryRefused", str(error), "", "")))


_ENCODER = msgspec.json.Encoder(decimal_format="string")


def is_served(path: Path) -> bool:
    """Return whether a process listens on a socket file; a killed process leaves the file."""
    try:
        with socket.socket(socket.AF_UNIX) as connection, _address(path) as address:
            connection.connect(address)
        return True
    except OSError:
        return False


class RemoteOperations:
    """The operations on a warehouse that another process has open."""

    def __init__(self, path: Path, timeout: float) -> None:
        self._path = path
        self._timeout = timeout

    def query(self, sql: str, parameters: Mapping[str, Any], rows: int) -> Result:
        """Return the answer of one SELECT. Dates are texts."""
        arguments = {"sql": sql, "parameters": dict(parameters), "rows": rows}
        result: Result = self._call("query", self._timeout + 5, **arguments)
        return result

    def export(self, sql: str, parameters: Mapping[str, Any], file: Path) -> None:
        """Write the answer of one SELECT into a Parquet file."""
        arguments = {"sql": sql, "parameters": dict(parameters), "file": str(file.absolute())}
        self._call("export", self._timeout + 5, **arguments)

    def tables(self) -> list[TableState]:
        """Return the state of each table."""
        found: list[TableState] = self._call("tables")
        return found

    def archive(self) -> int:
        """Archive the new rows."""
        return int(self._call("archive"))

    def backfill(self) -> dict[str, int]:
        """Store archived rows that are missing."""
        found: dict[str, int] = self._call("backfill")
        return found

    def verify(self) -> list[DayCheck]:
        """Compare each day with the archive."""
        found: list[DayCheck] = self._call("verify")
        return found

    def forget(self, values: Sequence[str]) -> dict[str, int]:
        """Remove a person from tables and archive."""
        found: dict[str, int] = self._call("forget", values=list(values))
        return found

    def _call(self, operation: str, timeout: float = OPERATION_TIMEOUT, **arguments: Any) -> Any:
        line = msgspec.json.encode(Request(operation, arguments)) + b"\n"
        try:
            with socket.socket(socket.AF_UNIX) as connection, _address(self._path) as address:
                connection.settimeout(timeout)
                connection.connect(address)
                connection.sendall(line)
                with connection.makefile("rb") as file:
                    answer = msgspec.json.decode(file.readline(), type=_Answer)
        except (OSError, msgspec.DecodeError) as error:
            raise Unavailable(
                "the warehouse process does not respond",
                where=str(self._path),
                fix="start `neurova dev` or `neurova run`, and see its log",
            ) from error
        if answer.error is not None:
            kind, what, where, fix = answer.error
            raise _ERRORS[kind](what, where=where, fix=fix)
        returns = RETURNS[operation]
        return None if returns is None else msgspec.json.decode(answer.result, type=returns)


@contextmanager
def _address(path: Path) -> Iterator[str]:
    """Yield the address of a socket; a long path is reached through a descriptor of its folder."""
    if len(os.fsencode(path)) < 100:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
