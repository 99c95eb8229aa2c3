"""Check responses, and wait for the first correct response."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from .load import Request
from .project import Project
from .servers import TIMEOUT, Server, is_alive


class Answer(NamedTuple):
    """Hold a response; its header names are lower case."""

    status: int
    body: bytes
    headers: frozenset[str] = frozenset()


def send_once(port: int, request: Request) -> Answer:
    """Send one request on a new connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
    try:
        fields = dict(request.fields)
        if request.body:
            fields["Content-Type"] = "application/json"
        connection.request(request.method, request.path, request.body or None, fields)
        response = connection.getresponse()
        names = frozenset(name.lower() for name in response.headers)
        return Answer(response.status, response.read(), names)
    finally:
        connection.close()


def find_fault(request: Request, answer: Answer) -> str:
    """Return the error in a response, "" if it is correct."""
    where = f"{request.method} {request.path}"
    if answer.status != request.status:
        return f"{where}: {answer.status} instead of {request.status}: {answer.body[:300]!r}"
    if request.answer is not None and json.loads(answer.body) != request.answer:
        return f"{where}: {answer.body[:300]!r} instead of {request.answer!r}"
    if missing := set(request.headers) - answer.headers:
        return f"{where}: the answer lacks {', '.join(sorted(missing))}"
    return ""


def check_answers(port: int, requests: Iterable[Request]) -> None:
    """Raise RuntimeError for the first wrong answer."""
    for request in requests:
        if fault := find_fault(request, send_once(port, request)):
            raise RuntimeError(fault)


def wait_for_answer(server: Server, request: Callable[[], Request], since: float) -> float:
    """Repeat a request; return the seconds from `since` to the first correct answer."""
    fault = ""
    while time.monotonic() - since < TIMEOUT:
        current = request()
        try:
            fault = find_fault(current, send_once(server.port, current))
        except (OSError, http.client.HTTPException) as error:
            fault = repr(error)
        if not fault:
            return time.monotonic() - since
        if not is_alive(server.pid):
            raise RuntimeError(f"the server ended; last fault: {fault}")
        time.sleep(0.002)
    raise RuntimeError(f"no correct answer in {TIMEOUT:.0f} s; last fault: {fault}")


def save_and_wait(
    server: Server, project: Project, file: str, text: str, request: Request
) -> float:
    """Save a file; return the seconds until the new version responds to `request`."""
    started_at = time.monotonic()
    project.write(file, text)
    return wait_for_answer(server, lambda: request, started_at)
